from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from .contracts import Answerer

DATA = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split: str) -> None:
        self._rows = json.loads((DATA / f"{split}.json").read_text())

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> list:
        return self._rows[index]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    got, want = round(answer, 3), round(correct_answer, 3)
    return abs(got - want) < relative_tolerance * abs(want)


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
            Sample(dataset[i][0], answers[i], dataset[i][1], not math.isnan(answers[i]) and is_answer_valid(answers[i], dataset[i][1]))
            for i in range(count)
        ]
        if not samples:
            return cls(0.0, 0.0, [])
        return cls(
            sum(s.is_correct for s in samples) / count,
            sum(not math.isnan(s.answer) for s in samples) / count,
            samples,
        )


def benchmark(func: Answerer, dataset: Dataset, max_question: int) -> BenchmarkResult:
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
