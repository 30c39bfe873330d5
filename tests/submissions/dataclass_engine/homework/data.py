from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from homework.settings import DATA


class Answerer(Protocol):
    def answer(self, *questions: str) -> list[float]: ...


class Dataset(Sequence):
    """Rows of a split. ``Dataset("train")`` or ``Dataset("valid")``."""

    def __init__(self, split: str) -> None:
        self.split = split
        self._rows: list[list] = json.loads((DATA / f"{split}.json").read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index):
        return self._rows[index]

    def __iter__(self) -> Iterator[list]:
        return iter(self._rows)


class Sample(NamedTuple):
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


class BenchmarkResult(NamedTuple):
    accuracy: float
    answer_rate: float
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers: Sequence[float], dataset: Dataset, max_question: int) -> BenchmarkResult:
        n = min(len(dataset), max_question)
        if n == 0:
            return cls(0.0, 0.0, [])  # nothing asked: not an answer, a rate
        samples = [
            Sample(q, a, correct, is_answer_valid(a, correct))
            for a, (q, correct, *_) in zip(answers, (dataset[i] for i in range(n)), strict=True)
        ]
        return cls(
            sum(s.is_correct for s in samples) / n,
            sum(not math.isnan(s.answer) for s in samples) / n,
            samples,
        )


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    a, c = round(answer, 3), round(correct_answer, 3)
    return abs(a - c) < relative_tolerance * abs(c)


def benchmark(func: Answerer, dataset: Dataset, max_question: int) -> BenchmarkResult:
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
