from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

DATA_DIR = Path(__file__).resolve().parent.parent / "data"
T = TypeVar("T")
S = TypeVar("S")


class Dataset(Sequence[list[Any]]):
    def __init__(self, split: str) -> None:
        self.split = split
        self.data: list[list[Any]] = json.loads((DATA_DIR / f"{split}.json").read_text("utf-8"))

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


class Mapped(Sequence[S], Generic[T, S]):
    """Lazy map over a sequence."""

    def __init__(self, source: Sequence[T], fn: Callable[[T], S]) -> None:
        self.source, self.fn = source, fn

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, i):
        return self.fn(self.source[i])


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    if math.isnan(answer) or math.isinf(answer):
        return False
    expected = round(correct_answer, 3)
    return abs(round(answer, 3) - expected) < relative_tolerance * abs(expected)


@dataclass(frozen=True)
class Sample:
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


@dataclass(frozen=True)
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers: Sequence[float], dataset: Sequence[list[Any]], max_question: int) -> BenchmarkResult:
        rows = dataset[:max_question]
        samples = [Sample(q, a, c, is_answer_valid(a, c)) for (q, c, *_), a in zip(rows, answers, strict=True)]
        n = max(len(samples), 1)
        answered = sum(not math.isnan(s.answer) for s in samples)
        return cls(sum(s.is_correct for s in samples) / n, answered / n, samples)


def benchmark(func: Any, dataset: Sequence[list[Any]], max_question: int) -> BenchmarkResult:
    rows = dataset[:max_question]
    return BenchmarkResult.from_answers(func.answer(*[r[0] for r in rows]), dataset, max_question)
