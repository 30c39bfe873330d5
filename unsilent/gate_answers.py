"""What the answers of one part are worth: in time, numbers, good enough, and the same when somebody watches.

The answers are those that the grader got; the child process that looked at the live model has asked the same again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from .dossier import Measured
from .evaluation import check_answers
from .outcome import skipped
from .score_bounds import check_bounds
from .scorers import check_score
from .scores import score
from .speed import check_speed
from .unwatched import check_unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .bounds import Bounds
    from .grading import Grade, PartGrade
    from .judging import Judged
    from .outcome import Outcome
    from .scores import Scores

Sign = Literal[">", "<", "<="]


def measure(bounds: Bounds, name: str, part: str, value: float, bound: str, sign: Sign, **more: Any) -> Measured:  # noqa: ANN401, PLR0913, PLR0917
    """A figure beside the bound of this name."""
    return Measured(name, part, value, getattr(bounds, bound), sign, bounds.source(bound), **more)


def timed(seconds: float | None, limit: float, error: str) -> float | None:
    """What was timed; an error says nothing about speed, but where it came of the time."""
    return seconds if seconds is not None and (not error or seconds > limit) else None


def judge_answers(one: PartGrade, rows: Sequence[Sequence[Any]], bounds: Bounds) -> tuple[list[Outcome], Scores | None]:
    """Judge what the grader got from one part.

    Args:
        one: Its answers, or why there are none.
        rows: Questions and right answers of those.
        bounds: What is asked for.

    Returns:
        Outcomes of speed, numbers and score; and the score, where there is one.
    """
    seconds = timed(one.seconds, bounds.seconds, one.error)
    outcomes = [check_speed(seconds, bounds.seconds, load_seconds=one.load_seconds, reason=one.error)]
    if not one.answers:
        reason = one.error or "it has not answered"
        outcomes += [skipped(slug, "evaluation", reason) for slug in ("no-numeric-answers", "score-below-bound")]
        return outcomes, None
    found = score(one.answers, rows)
    shares = {"accuracy": found.accuracy.value, "answer rate": found.answer_rate.value}
    accuracy, answer_rate = (getattr(bounds, f"{one.name}_{what}") for what in ("accuracy", "answer_rate"))
    outcomes += [
        check_answers(one.answers),
        check_score(shares, answers=one.answers),
        check_bounds(found, accuracy=accuracy, answer_rate=answer_rate, part=one.name),
    ]
    return outcomes, found


def measure_answers(
    one: PartGrade, found: Scores | None, judged: Judged, rows: Sequence[Sequence[Any]], bounds: Bounds
) -> Iterator[Measured]:
    """Score and time beside their bounds; and beside the accuracy that on more rows, where more were asked."""
    if found:
        more = len(judged.answers)
        wider = f"{score(judged.answers, rows[:more]).accuracy} on {more} rows" if more > found.accuracy.count else ""
        for name, share, note in (("accuracy", found.accuracy, wider), ("answer rate", found.answer_rate, "")):
            bound = f"{one.name}_{name.replace(' ', '_')}"
            yield measure(bounds, name, one.name, share.value, bound, ">", interval=share.interval, note=note)
    if (seconds := timed(one.seconds, bounds.seconds, one.error)) is not None:
        yield measure(bounds, "seconds", one.name, seconds, "seconds", "<=")


def judge_batch(graded: Grade, bounds: Bounds) -> tuple[Outcome, list[Measured]]:
    """Judge how long the plain base took for a batch."""
    limit, reason = bounds.batched_seconds, graded.batched_error or graded.error
    seconds = timed(graded.batched_seconds, limit, reason)
    figures = [] if seconds is None else [measure(bounds, "seconds of a batch", "", seconds, "batched_seconds", "<=")]
    return check_speed(seconds, limit, reason=reason), figures


def judge_honesty(one: PartGrade, judged: Judged, rows: Sequence[Sequence[Any]], where: str) -> Iterator[Outcome]:
    """The outcomes of the probe; that of its failure also says whether the grader got better answers than it did."""
    if not judged.answers:
        return
    seen = check_unwatched(one.answers, judged.answers[: len(rows)], rows, where)
    for outcome in judged.honesty:
        if outcome.slug != seen.slug or outcome.status == "failed":
            yield outcome
        elif seen.status == "failed":
            yield seen
        else:
            yield dataclasses.replace(outcome, message="; ".join(filter(None, (outcome.message, seen.message))))
