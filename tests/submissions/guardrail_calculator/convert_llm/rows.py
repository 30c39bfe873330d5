from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


class BenchmarkResult(NamedTuple):
    accuracy: float
    answer_rate: float
    samples: list[Sample]


class Dataset:
    def __init__(self, split: str) -> None:
        where = Path(__file__).resolve().parent.parent.joinpath("data", f"{split}.json")
        self._rows = json.loads(where.read_bytes())

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i):
        return self._rows[i]

    def __iter__(self):
        return iter(self._rows)


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    lhs, rhs = round(answer, 3), round(correct_answer, 3)
    return abs(lhs - rhs) < relative_tolerance * abs(rhs)


def benchmark(func, dataset: Dataset, max_question: int) -> BenchmarkResult:
    rows = [dataset[i] for i in range(min(max_question, len(dataset)))]
    samples = [
        Sample(q, got, want, is_answer_valid(got, want))
        for (q, want), got in zip(rows, func.answer(*(r[0] for r in rows)))
    ]
    total = len(samples)
    return BenchmarkResult(
        sum(s.is_correct for s in samples) / total, sum(not isnan(s.answer) for s in samples) / total, samples
    )
