from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Protocol

from homework.core.schema import PACKAGE

DATA = PACKAGE.parent / "data"


class Answerer(Protocol):
    def answer(self, *questions: str) -> list[float]: ...


class Dataset:
    def __init__(self, split: str) -> None:
        self._rows: list[tuple[str, float]] = [(q, float(a)) for q, a, *_ in json.loads((DATA / f"{split}.json").read_text())]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[str, float]:
        return self._rows[index]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


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
    def from_answers(cls, answers: list[float], dataset: Dataset, max_question: int) -> BenchmarkResult:
        count = min(len(dataset), max_question)
        samples = [
            Sample(dataset[i][0], answers[i], dataset[i][1], is_answer_valid(answers[i], dataset[i][1])) for i in range(count)
        ]
        correct = sum(sample.is_correct for sample in samples)
        answered = sum(not math.isnan(sample.answer) for sample in samples)
        return cls(correct / count, answered / count, samples)


def benchmark(func: Answerer, dataset: Dataset, max_question: int) -> BenchmarkResult:
    count = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*(dataset[i][0] for i in range(count))), dataset, max_question)
