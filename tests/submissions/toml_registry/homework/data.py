from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        self.rows = json.loads((DATA / f"{split}.json").read_text())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    answer, correct_answer = round(answer, 3), round(correct_answer, 3)
    return abs(answer - correct_answer) < relative_tolerance * abs(correct_answer)


@dataclass
class Sample:
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


@dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = [
            Sample(question=row[0], answer=given, correct_answer=row[1], is_correct=is_answer_valid(given, row[1]))
            for row, given in zip((dataset[i] for i in range(min(len(dataset), max_question))), answers)
        ]
        n = max(len(samples), 1)
        return cls(
            accuracy=sum(s.is_correct for s in samples) / n,
            answer_rate=sum(not math.isnan(s.answer) for s in samples) / n,
            samples=samples,
        )


def benchmark(func, dataset: Dataset, max_question: int) -> BenchmarkResult:
    # reads the gold answers, but only to mark what func has said
    count = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*(dataset[i][0] for i in range(count))), dataset, max_question)
