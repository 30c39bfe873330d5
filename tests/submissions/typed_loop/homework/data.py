from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .config import DATA_DIR


class Answerer(Protocol):
    def answer(self, *questions: str) -> list[float]: ...


class Dataset:
    def __init__(self, split: str) -> None:
        self.rows: list[list[Any]] = json.loads((DATA_DIR / f"{split}.json").read_text())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> list[Any]:
        return self.rows[index]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    expected: float = round(correct_answer, 3)
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
    def from_answers(cls, answers: Iterable[float], dataset: Sequence, max_question: int) -> BenchmarkResult:
        samples: list[Sample] = []
        for (question, correct, *_), answer in zip((dataset[i] for i in range(max_question)), answers):
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        count = len(samples)
        return cls(
            accuracy=sum(sample.is_correct for sample in samples) / count,
            answer_rate=sum(not math.isnan(sample.answer) for sample in samples) / count,
            samples=samples,
        )


def benchmark(func: Answerer, dataset: Sequence, max_question: int = 100) -> BenchmarkResult:
    count: int = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*(dataset[i][0] for i in range(count))), dataset, count)
