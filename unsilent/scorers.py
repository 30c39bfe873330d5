"""Whether a score can be believed when something in it is not a number: refused, never clipped.

A NaN *answer* is legitimate: the model wrote no number, and the row is wrong. A NaN *score*, or a NaN loss behind one,
is not: a bound, a rounding or a default turns it into a number that looks measured, or into the crash that a grader
showed: ``cannot convert float NaN to integer``.

    check_score({"accuracy": 0.46, "loss": loss}, losses=losses)
    check_scorer(lambda answers: grade(answers, rows), [row[1] for row in rows])
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .answers import as_number
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .outcome import Outcome

SLUG = "nan-score"
NESTED = 8  # levels of mappings and lists within scores that are looked into
STRANGE: Mapping[str, float] = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# Fields of a row behind a score: its answer may rightly be NaN.
ROW_FIELDS = frozenset(["answer", "completion", "output", "predicted", "prediction", "prompt", "question", "response"])
SAME = 1e-9  # relative; two scores this close are one, rounded
SHOWN = 10  # values that are not finite, in the evidence


def check_score(
    scores: Mapping[str, object], *, losses: Iterable[object] = (), answers: Iterable[object] = ()
) -> Outcome:
    """[nan-score] Refuse scores that are not finite, and losses that are not, whatever was made of them.

    Args:
        scores: Numbers by name; mappings, dataclasses and namespaces within are looked into. Text is passed over, and
            so are lists and arrays of numbers and of rows: an answer in them, or the recall of an absent class, may
            rightly be NaN. None is a score that was not measured: said, and no finding.
        losses: What a loss among the scores was computed from, nested or as a trainer logs them. One that is not finite
            is a finding even where the score is a number, because it was clipped or left out on the way.
        answers: What the other scores were computed from, to say where a NaN came from. NaN is legitimate here.

    Returns:
        Failed with every such score and the first loss or answer that explains it; skipped when there is no number.

    Source:
        The project's reports: a NaN reached the grader's ``int(...)``.
    """
    try:
        every = dict(_numbers(scores))
        lost, given = _not_finite(one for value in losses for one in _losses(value)), _not_finite(answers)
    except Exception as error:  # noqa: BLE001 - anybody's scores may be anything
        return skipped(SLUG, "evaluation", f"the scores cannot be read ({type(error).__name__}: {error})")
    numbers = {name: value for name, value in every.items() if value is not None}
    bad = {name: value for name, value in numbers.items() if not math.isfinite(value)}
    if not bad and not lost:
        unmeasured = ", ".join(sorted(every.keys() - numbers.keys()))
        note = f"{unmeasured}: None, so not measured" if unmeasured else ""
        return passed(SLUG, "evaluation", note) if numbers else skipped(SLUG, "evaluation", "no score is a number")
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


def _numbers(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, float | None]]:  # noqa: ANN401
    """Every number in a score, with its path; None where there is none yet."""
    value = _opened(value)
    items: Iterable[tuple[str, Any]] = ()
    if isinstance(value, Mapping):
        items = ((f"{name}.{key}" if name else str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        opened = ((f"{name}[{place}]", _opened(item)) for place, item in enumerate(value))
        items = (one for one in opened if (_is_scores(one[1]) if isinstance(one[1], Mapping) else not depth))
    elif isinstance(value, str):
        if value.strip().lower().lstrip("+-") in {"nan", "inf", "infinity"}:  # as JSON without NaN has it
            yield name, float(value)
    elif value is None:
        yield name, None
    elif hasattr(value, "__float__"):
        yield name, float(value) if isinstance(value, bool) else as_number(value)
    for path, item in items if depth < NESTED else ():
        yield from _numbers(item, path, depth + 1)


def _is_scores(item: Mapping[Any, Any]) -> bool:
    """Whether a mapping in a list holds scores, and is no row."""
    return not ROW_FIELDS & {str(key).lower() for key in item}


def _opened(value: Any) -> Any:  # noqa: ANN401
    """Tensors and arrays as lists or numbers, what has named fields as mappings, anything else as it is."""
    if hasattr(value, "tolist"):
        value = (value.detach() if hasattr(value, "detach") else value).tolist()
        while isinstance(value, list) and len(value) == 1:  # one number, whatever its shape
            value = value[0]
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, SimpleNamespace | argparse.Namespace):
        return vars(value)
    return value._asdict() if isinstance(value, tuple) and hasattr(value, "_asdict") else value


def _losses(value: Any, depth: int = 0) -> Iterator[Any]:  # noqa: ANN401
    """Single losses: of lists in lists, and of what a trainer logs under a name with "loss" in it."""
    value = _opened(value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return
    if isinstance(value, Mapping):
        inner: Iterable[Any] = [item for key, item in value.items() if "loss" in str(key).lower()]
    elif isinstance(value, list | tuple):
        inner = value
    else:
        yield value
        return
    for item in inner if depth < NESTED else ():
        yield from _losses(item, depth + 1)


def _not_finite(values: Iterable[object]) -> dict[int, str]:
    """Places of the entries that are no finite numbers, and what they are."""
    return {place: str(value)[:40] for place, value in enumerate(values) if not math.isfinite(as_number(value))}


def check_scorer(score: Callable[[list[float]], object], answers: Iterable[float]) -> Outcome:
    """[nan-score] Give a scoring function answers that are no numbers: it must neither stumble nor leave them out.

    Args:
        score: Makes a score of one answer for each question: a number, or a mapping, tuple or dataclass of numbers.
        answers: The right ones, for which it gives its best score.

    Returns:
        Failed when answers that are NaN or inf make it raise, come out again, make a score disappear, or are left out
        of it: half of them right and half no numbers is then as good as all right. Skipped when it cannot score the
        right answers, scores wrong ones no differently, or says None.

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
        best, again, worst = (dict(_numbers(score(list(given)))) for given in (right, right, wrong))
    except Exception as error:  # noqa: BLE001 - anybody's function may raise anything
        reason = f"the scoring function raised {type(error).__name__} for ordinary numbers: {error}"
        return skipped(SLUG, "evaluation", reason)
    steady = {name: high for name, high in best.items() if high == again.get(name)}  # no clock, and no NaN
    sides = {name: (high, low) for name, high in steady.items() if high is not None and math.isfinite(high)
             and (low := worst.get(name)) is not None and math.isfinite(low) and high != low}  # fmt: skip
    if not sides:
        return skipped(SLUG, "evaluation", "the scoring function gives wrong numbers the score of right ones, or none")
    wrongs, silent = {}, []
    for name, trial, most in _trials(right):
        try:
            found = dict(_numbers(score(list(trial))))
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            wrongs[name] = f"{type(error).__name__}: {error}"
            continue
        if found == {"": None} or all(found.get(one, 0) is None for one in sides):
            silent.append(name)
        elif complaint := _complaint(found, sides, best, len(right) if most else 0):
            wrongs[name] = complaint
    if not wrongs:
        reason = f"the scoring function says None, given {silent[0]}" if silent else ""
        return skipped(SLUG, "evaluation", reason) if reason else passed(SLUG, "evaluation")
    name, complaint = next(iter(wrongs.items()))
    return failed(
        SLUG,
        "evaluation",
        f"Expected an answer that is no number to count as wrong, but got {complaint}. Where: the scoring function, "
        f"given {name}. What to do: ask math.isfinite before comparing, rounding or converting, and count what is not "
        "as wrong.",
        {"complaints": wrongs, "answers": len(right)},
    )


def _trials(right: Sequence[float]) -> Iterator[tuple[str, list[float], bool]]:
    """Answers holding something strange, and whether at least half of them are."""
    count = len(right)
    for word, value in STRANGE.items():
        yield f"{word} for every answer", [value] * count, True
        half = [answer if place % 2 else value for place, answer in enumerate(right)]
        yield f"{word} for every other answer, beginning with the first", half, True
        for place in sorted({0, (count - 1) // 2, count - 1}) if count > 1 else ():
            yield f"{word} as answer {place}", [*right[:place], value, *right[place + 1 :]], False


def _complaint(
    found: Mapping[str, float | None],
    sides: Mapping[str, tuple[float, float]],
    best: Mapping[str, float | None],
    count: int,
) -> str:
    """What is wrong with the scores of a trial; empty when nothing is.

    Precision, or the error of what was answered, rightly stays where it is as long as a score beside it falls. A mere
    number of right answers is no such score: nobody compares it with the number of questions.
    """
    for name, value in found.items():
        was = best.get(name)
        if value is not None and not math.isfinite(value) and was is not None and math.isfinite(was):
            return f"{name or 'a score'} {value}"
    if lacking := sorted(sides.keys() - found.keys()):
        return f"no {lacking[0] or 'score'} at all"
    left = {name: (value, *sides[name]) for name in sides if (value := found[name]) is not None}
    perfect = [name for name, (value, high, _) in left.items() if abs(value - high) <= SAME * max(1.0, abs(high))]
    falls = any((value - high) * (low - high) > 0 and high != count
                for name, (value, high, low) in left.items() if name not in perfect)  # fmt: skip
    if not count or not perfect or falls:
        return ""
    return f"{perfect[0] or 'a score'} {left[perfect[0]][0]:g}, as if all were right"
