"""Whether a score can be believed when something in it is not a number: refused, never clipped.

A NaN *answer* is legitimate: the model wrote no number, and the row is wrong. A NaN *score*, or a NaN loss behind one,
is not: a bound, a rounding or a default turns it into a number that looks measured, or into the crash that a grader
showed: ``cannot convert float NaN to integer``.

    check_score({"accuracy": 0.46, "loss": loss}, losses=losses)
    check_scorer(lambda answers: grade(answers, rows), [row[1] for row in rows])
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .answers import as_number
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .outcome import Outcome

SLUG = "nan-score"
NESTED = 8  # levels of mappings and lists within scores that are looked into
STRANGE: Mapping[str, float] = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
SHOWN = 10  # values that are not finite, in the evidence


def check_score(
    scores: Mapping[str, object], *, losses: Iterable[object] = (), answers: Iterable[object] = ()
) -> Outcome:
    """[nan-score] Refuse scores that are not finite, and losses that are not, whatever was made of them.

    Args:
        scores: Numbers by name; mappings, dataclasses and lists of numbers within are looked into. Text is passed over,
            and so are lists of rows, whose answers may rightly be NaN.
        losses: What a loss among the scores was computed from. One that is not finite is a finding even where the score
            is a number, because it was clipped or left out on the way.
        answers: What the other scores were computed from, to say where a NaN came from. NaN is legitimate here.

    Returns:
        Failed with every such score and the first loss or answer that explains it; skipped when there is no number.

    Source:
        The project's reports: a NaN reached the grader's ``int(...)``.
    """
    try:
        numbers = dict(_numbers(scores))
        lost, given = (_not_finite(values) for values in (losses, answers))
    except Exception as error:  # noqa: BLE001 - anybody's scores may be anything
        return skipped(SLUG, "evaluation", f"the scores cannot be read ({type(error).__name__}: {error})")
    bad = {name: value for name, value in numbers.items() if not math.isfinite(value)}
    if not bad and not lost:
        return passed(SLUG, "evaluation") if numbers else skipped(SLUG, "evaluation", "no score is a number")
    name, value = next(iter(bad.items()), ("", math.nan))
    sources = [(kind, found) for kind, found in (("loss", lost), ("answer", given)) if found]
    if not sources:
        origin = "the score itself; what it was computed from was not passed, or is finite"
    else:
        kind, found = sources[0]
        first = next(iter(found))
        origin = f"{kind} {first} is {found[first]} (counted from 0; {len(found)} like it)"
    got = f"{value} for {name or 'the score'}" if bad else f"finite scores where {len(lost)} of the losses are not"
    return failed(
        SLUG,
        "evaluation",
        f"Expected every score to be a finite number, but got {got}. Where: {origin}. What to do: refuse the score and "
        "find the first value that is not finite; never clip it, replace it or leave it out.",
        {"scores": bad, "losses": dict(list(lost.items())[:SHOWN]), "answers": dict(list(given.items())[:SHOWN]),
         "losses_not_finite": len(lost), "answers_not_finite": len(given)},
    )  # fmt: skip


def _numbers(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:  # noqa: ANN401
    """Every number in a score, with its path."""
    value = _opened(value)
    items: Iterable[tuple[str, Any]] = ()
    if isinstance(value, Mapping):
        items = ((f"{name}.{key}" if name else str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        plain = (one for one in enumerate(value) if not isinstance(_opened(one[1]), Mapping | list | tuple))
        items = ((f"{name}[{place}]", item) for place, item in plain)
    elif isinstance(value, str):
        if value.strip().lower().lstrip("+-") in {"nan", "inf", "infinity"}:  # as JSON without NaN has it
            yield name, float(value)
    elif hasattr(value, "__float__"):
        yield name, float(value) if isinstance(value, bool) else as_number(value)
    for path, item in items if depth < NESTED else ():
        yield from _numbers(item, path, depth + 1)


def _opened(value: Any) -> Any:  # noqa: ANN401
    """Tensors and arrays as lists or numbers, dataclasses as mappings, anything else as it is."""
    if hasattr(value, "tolist"):
        return (value.detach() if hasattr(value, "detach") else value).tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value


def _not_finite(values: Iterable[object]) -> dict[int, str]:
    """Places of the entries that are no finite numbers, and what they are."""
    return {place: str(value)[:40] for place, value in enumerate(values) if not math.isfinite(as_number(value))}


def check_scorer(score: Callable[[list[float]], object], answers: Iterable[float]) -> Outcome:
    """[nan-score] Give a scoring function answers that are no numbers: each must simply count as wrong.

    Args:
        score: Makes a score of one answer for each question: a number, or a mapping, tuple or dataclass of numbers.
        answers: The right ones, for which it gives its best score.

    Returns:
        Failed when an answer that is NaN, inf or very large makes it raise, comes out again as NaN or inf, or counts as
        better than a wrong number. Skipped when it cannot score the right answers, or scores wrong ones no lower.

    Source:
        ``cannot convert float NaN to integer`` in the reports; ``not abs(a - b) > tolerance`` and ``min(1.0, nan)``
        make a right answer of NaN.
    """
    try:
        right = [as_number(answer) for answer in answers]
    except TypeError as error:
        return skipped(SLUG, "evaluation", f"the right answers cannot be read ({error})")
    # Far from every right answer, and of the other sign, so that no tolerance reaches it.
    wrong = [-2 * answer - 1 if answer >= 0 else -2 * answer + 1 for answer in right]
    if not right or not all(map(math.isfinite, right)):
        return skipped(SLUG, "evaluation", "there is no right answer to begin with, or one that is not finite")
    try:
        best, worst = _scored(score, right), _scored(score, wrong)
    except Exception as error:  # noqa: BLE001 - anybody's function may raise anything
        reason = f"the scoring function raised {type(error).__name__} for ordinary numbers: {error}"
        return skipped(SLUG, "evaluation", reason)
    judging = {name for name in best.keys() & worst.keys() if best[name] != worst[name]}
    if not judging or not all(math.isfinite(one[name]) for one in (best, worst) for name in judging):
        return skipped(SLUG, "evaluation", "the scoring function gives wrong numbers the score of right ones, or none")
    wrongs = {name: complaint for name, trial, twin in _trials(right, wrong)
              if (complaint := _complaint(score, trial, twin, judging, best))}  # fmt: skip
    if not wrongs:
        return passed(SLUG, "evaluation")
    name, complaint = next(iter(wrongs.items()))
    return failed(
        SLUG,
        "evaluation",
        f"Expected an answer that is no number to count as wrong, but got {complaint}. Where: the scoring function, "
        f"given {name}. What to do: ask math.isfinite before comparing, rounding or converting, and count what is not "
        "as wrong.",
        {"complaints": wrongs, "answers": len(right)},
    )


def _trials(right: Sequence[float], wrong: Sequence[float]) -> Iterator[tuple[str, list[float], list[float]]]:
    """Answers holding something strange, each beside the same ones with wrong numbers in those places."""
    last = len(right) - 1
    for word, value in STRANGE.items():
        yield f"{word} for every answer", [value] * len(right), list(wrong)
        for place in sorted({0, last // 2, last}) if last else ():
            trial, twin = list(right), list(right)
            trial[place], twin[place] = value, wrong[place]
            yield f"{word} as answer {place}", trial, twin


def _complaint(
    score: Callable[[list[float]], object],
    trial: list[float],
    twin: list[float],
    judging: Iterable[str],
    best: Mapping[str, float],
) -> str:
    """What is wrong with the score of a trial; empty when it is that of wrong numbers, or lower still."""
    try:
        found, plain = _scored(score, trial), _scored(score, twin)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    for name, value in found.items():
        if not math.isfinite(value) and math.isfinite(best.get(name, math.nan)):
            return f"{name or 'a score'} {value}"
    for name in sorted(judging):
        # towards the score of the right answers, whichever way that lies
        gained = (found[name] - plain[name]) * (1 if best[name] > plain[name] else -1)
        if best[name] != plain[name] and gained > 1e-9 * max(1.0, abs(best[name])):
            return f"{name or 'a score'} {found[name]:g} where a wrong number gives {plain[name]:g}"
    return ""


def _scored(score: Callable[[list[float]], object], answers: Sequence[float]) -> dict[str, float]:
    """The numbers that the function makes of a copy of the answers; what it keeps of single rows is left out."""
    result = score(list(answers))
    flat = dict(_numbers(result))
    return {name: value for name, value in flat.items() if "[" not in name or isinstance(result, list | tuple)}
