"""The data set, what counts as a right answer, and the benchmark.

A row is ``[question, answer]``, or ``[question, answer, reasoning]`` in ``rft.json``. Files are read from
``HOMEWORK_DATA_DIR`` when it is set, else from the ``data`` folder beside this package, so that the course's own
files work unchanged. A malformed row is refused with file, row and reason: a data set is never trained on in part.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import DatasetUnreadable, OptionInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Row = tuple[str, float] | tuple[str, float, str]

RELATIVE_TOLERANCE = 0.05  # the course's grader
BENCHMARK_ROWS = 100  # the grader scores the first 100 rows of valid
_SNIPPET = 120


def data_dir() -> Path:
    """The folder that holds the splits: ``HOMEWORK_DATA_DIR``, else ``data`` beside the package."""
    named = os.environ.get("HOMEWORK_DATA_DIR")
    return Path(named) if named else Path(__file__).resolve().parent.parent / "data"


class Dataset:
    """One split, read and checked as a whole.

    ``len(dataset)`` rows; ``dataset[i]`` is ``[question, answer]``, with a third entry in ``rft``.

    Raises:
        DatasetUnreadable: The file is missing, is no JSON list, is empty, or has a malformed row.
    """

    def __init__(self, split: str) -> None:
        """Read ``<data folder>/<split>.json``, or the file that ``split`` names by a path."""
        self.split = split
        self.path = Path(split) if split.endswith(".json") else data_dir() / f"{split}.json"
        self.rows = _read_rows(self.path)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> list[str | float]:
        """Row ``index`` as a list, the way the course's files have it."""
        return list(self.rows[index])

    def __iter__(self) -> Iterator[list[str | float]]:
        """All rows in order."""
        return (list(row) for row in self.rows)


def _read_rows(path: Path) -> list[Row]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        nearby = sorted(other.name for other in path.parent.glob("*.json")) if path.parent.is_dir() else []
        raise _unreadable(
            path, f"no such file (there: {', '.join(nearby) or 'no data set'})", "set HOMEWORK_DATA_DIR to the folder"
        ) from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error), "make the file readable") from None
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"bytes that are no UTF-8 at position {error.start}", "save it as UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise _unreadable(where, f"text that is no JSON ({error.msg})", "repair the file") from None
    except RecursionError:
        raise _unreadable(path, "JSON nested too deeply to read", "repair the file") from None
    if not isinstance(content, list) or not content:
        got = "an empty list" if content == [] else f"a JSON {type(content).__name__}"
        raise _unreadable(path, got, "put at least one row into it")
    return [_checked(row, f"{path}, row {number}") for number, row in enumerate(content)]


def _unreadable(where: object, got: str, action: str) -> DatasetUnreadable:
    return DatasetUnreadable(
        expected="a JSON list of [question, answer] rows", got=got, where=str(where), action=action
    )


def _checked(row: object, where: str) -> Row:
    """Return the row with a float answer, or refuse it with the reason."""
    match row:
        case [str(question), int() | float() as answer] if question.strip() and _is_number(answer):
            return question, float(answer)
        case [str(question), int() | float() as answer, str(reasoning)] if question.strip() and _is_number(answer):
            return question, float(answer), reasoning
    raise DatasetUnreadable(
        expected="[question, answer]: a text that is not blank and a finite number (in rft.json a third entry, text)",
        got=_complaint(row),
        where=where,
        action="repair or remove the row",
    )


def _is_number(value: float) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond the range of a float
        return False


def _complaint(row: object) -> str:
    shown = json.dumps(row)
    shown = shown if len(shown) <= _SNIPPET else shown[:_SNIPPET] + " ..."
    if isinstance(row, list) and len(row) > 1 and isinstance(row[1], str):
        return f"a string as answer in {shown}"
    return shown


def split_dev(rows: Sequence[Row], share: float = 0.2) -> tuple[list[Row], list[Row]]:
    """Cut a dev part off the training rows, for tuning: valid is only ever looked at for the final figure.

    Returns:
        The rows to train on, and every ``1/share``-th row to tune on.
    """
    every = round(1 / share)
    return (
        [row for index, row in enumerate(rows) if index % every],
        [row for index, row in enumerate(rows) if not index % every],
    )


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = RELATIVE_TOLERANCE) -> bool:
    """Tell whether ``answer`` is within the tolerance; both are rounded to 3 decimals, the bound itself is outside.

    NaN and inf are never valid.
    """
    answer, correct_answer = round(answer, 3), round(correct_answer, 3)
    return abs(answer - correct_answer) < relative_tolerance * abs(correct_answer)


@dataclass(frozen=True)
class Sample:
    """One answered question."""

    question: str
    answer: float
    correct_answer: float
    is_correct: bool


@dataclass(frozen=True)
class BenchmarkResult:
    """Shares of right answers and of answers at all, both between 0 and 1, with the samples behind them."""

    accuracy: float
    answer_rate: float
    samples: list[Sample]

    @classmethod
    def from_answers(
        cls, answers: Sequence[float], dataset: Dataset | Sequence[Row], max_question: int
    ) -> BenchmarkResult:
        """Judge ``answers`` against the first ``max_question`` rows of ``dataset``.

        Raises:
            OptionInvalid: Not one answer a question, or no question at all.
        """
        count = min(len(dataset), max_question)
        if count < 1 or len(answers) != count:
            raise OptionInvalid(
                expected=f"one answer for each of at least 1 question ({max(count, 0)} asked)",
                got=f"{len(answers)} answers",
                where="BenchmarkResult.from_answers",
                action="answer every question exactly once, NaN where there is no number",
            )
        samples = []
        for index, answer in enumerate(answers):
            question, correct = str(dataset[index][0]), float(dataset[index][1])
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        return cls(
            accuracy=sum(sample.is_correct for sample in samples) / count,
            answer_rate=sum(not math.isnan(sample.answer) for sample in samples) / count,
            samples=samples,
        )


class Answers(Protocol):
    """Whatever can be benchmarked."""

    def answer(self, *questions: str) -> list[float]:
        """Answer every question with a number, NaN where there is none."""


def benchmark(func: Answers, dataset: Dataset | Sequence[Row], max_question: int = BENCHMARK_ROWS) -> BenchmarkResult:
    """Let ``func`` answer the first ``max_question`` questions and judge the answers."""
    questions = [str(dataset[index][0]) for index in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions) if questions else [], dataset, max_question)


def wilson_interval(share: float, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Give the 95% interval of a share measured on ``count`` rows.

    Source: E. B. Wilson 1927, score interval; 0.46 of 100 is 0.366-0.557.
    """
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def summary(result: BenchmarkResult) -> str:
    """One line: accuracy and answer rate with their intervals."""
    count = len(result.samples)
    parts = []
    for name, share in (("accuracy", result.accuracy), ("answer rate", result.answer_rate)):
        low, high = wilson_interval(share, count)
        parts.append(f"{name} {share:.3f} (95% interval {low:.3f}-{high:.3f})")
    return f"{', '.join(parts)} on {count} rows"
