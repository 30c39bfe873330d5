"""The score of a list of answers: how many are right, how sure that is, where it fails, and the worst ten.

Plain arithmetic on ``answers`` and ``rows``; whether a score means what it says is judged in ``scorers.py`` and
``evaluation.py``. Intervals are Wilson's at 95%.

    for line in score(llm.answer(*questions), rows, groups={"family": family_of}).lines():
        print(line)
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import as_number, is_right
from .proportions import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

WORST = 10  # rows shown
SHOWN = 60  # characters of a question


@dataclass(frozen=True)
class Share:
    """So many of so many, with the interval that is compatible with it."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, at 95%."""
        return wilson_interval(self.hits, self.count)

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {"share": self.value, "hits": self.hits, "count": self.count, "interval": list(self.interval)}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f}-{high:.3f}, {self.hits} of {self.count})"


@dataclass(frozen=True)
class Judged:
    """One answered row; ``answer`` is None where there was no number, as NaN is no JSON."""

    index: int
    question: str
    answer: float | None
    correct: float
    is_right: bool

    @property
    def error(self) -> float:
        """Relative; inf without a number, and where something was answered and 0 is correct."""
        if self.answer is None:
            return math.inf
        gap = abs(self.answer - self.correct)
        return gap / abs(self.correct) if gap and self.correct else (math.inf if gap else 0.0)


@dataclass(frozen=True)
class Scores:
    """Accuracy and answer rate, of all rows and by group.

    Attributes:
        accuracy: Right answers.
        answer_rate: Answers that are a finite number.
        groups: For each grouping and each of its groups, accuracy and answer rate.
        worst: At most ten wrong rows: those without a number first, then by falling relative error.
    """

    accuracy: Share
    answer_rate: Share
    groups: Mapping[str, Mapping[str, tuple[Share, Share]]]
    worst: tuple[Judged, ...]

    def as_json(self) -> dict[str, object]:
        """Plain JSON values: no NaN, no inf."""
        return {
            "accuracy": self.accuracy.as_json(),
            "answer_rate": self.answer_rate.as_json(),
            "groups": {
                grouping: {
                    name: {"accuracy": accuracy.as_json(), "answer_rate": answer_rate.as_json()}
                    for name, (accuracy, answer_rate) in found.items()
                }
                for grouping, found in self.groups.items()
            },
            "worst": [dataclasses.asdict(row) for row in self.worst],
        }

    def lines(self) -> list[str]:
        """The same for people, one line a group or row."""
        lines = [f"accuracy    {self.accuracy}", f"answer rate {self.answer_rate}"]
        for grouping, found in self.groups.items():
            width = max(len(_shown(name)) for name in found)
            lines.append(f"by {grouping}: accuracy, then answer rate")
            lines += [
                f"  {_shown(name):<{width}}  {accuracy}  {answer_rate.value:.3f}"
                for name, (accuracy, answer_rate) in found.items()
            ]
        if self.worst:
            lines.append(f"the worst {len(self.worst)}, those without a number first:")
        for row in self.worst:
            given = "no number" if row.answer is None else f"{row.answer:g}"
            lines.append(f"  row {row.index}: {given} instead of {row.correct:g}  {_shown(row.question)}")
        return lines


def score(
    answers: Iterable[object],
    rows: Iterable[Sequence[object]],
    *,
    groups: Mapping[str, Callable[[str], str]] | None = None,
) -> Scores:
    """Score one answer a row.

    Args:
        answers: Numbers; NaN, inf, None and whatever else is no finite number count as not answered.
        rows: ``[question, correct answer, ...]``, as many as answers.
        groups: By the name of a grouping, what gives the group of a question: its family, say, or its wording.

    Raises:
        ValueError: Not one answer a row, no row at all, a row without text and finite number, or a grouping that
            raises.
    """
    try:
        given, asked = list(answers), list(rows)
    except TypeError as error:
        raise _refused("a list of answers and a list of rows", str(error), "score") from error
    if len(given) != len(asked) or not asked:
        raise _refused("one answer for each of at least one row", f"{len(given)} answers to {len(asked)} rows", "score")
    judged = [_judged(index, answer, row) for index, (answer, row) in enumerate(zip(given, asked, strict=True))]
    wrong = sorted((row for row in judged if not row.is_right), key=lambda row: (row.answer is not None, -row.error))
    return Scores(
        *_shares(judged),
        groups={name: _grouped(name, group_of, judged) for name, group_of in (groups or {}).items()},
        worst=tuple(wrong[:WORST]),
    )


def _judged(index: int, answer: object, row: Sequence[object]) -> Judged:
    match row:
        case [str(question), correct, *_] if math.isfinite(as_number(correct)):
            number = as_number(answer)
            known = number if math.isfinite(number) else None
            return Judged(index, question, known, as_number(correct), is_right(number, correct))
    raise _refused("[question, correct answer]: a text and a finite number", repr(row)[:SHOWN], f"row {index}")


def _shares(judged: Sequence[Judged]) -> tuple[Share, Share]:
    right, answered = sum(row.is_right for row in judged), sum(row.answer is not None for row in judged)
    return Share(right, len(judged)), Share(answered, len(judged))


def _grouped(name: str, group_of: Callable[[str], str], judged: Sequence[Judged]) -> dict[str, tuple[Share, Share]]:
    """Shares by group, the worst first."""
    members: dict[str, list[Judged]] = {}
    for row in judged:
        try:
            members.setdefault(str(group_of(row.question)), []).append(row)
        except Exception as error:
            got = f"{type(error).__name__}: {error}, for {_shown(row.question)!r}"
            raise _refused("the group of every question", got, f"grouping {name!r}, row {row.index}") from error
    shares = {group: _shares(found) for group, found in members.items()}
    return dict(sorted(shares.items(), key=lambda item: (item[1][0].value, item[0])))


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def _refused(expected: str, got: str, where: str) -> ValueError:
    return ValueError(
        f"Expected {expected}, but got {got}. Where: {where}. What to do: pass every row that was asked, with its "
        "answer, NaN where there is none."
    )
