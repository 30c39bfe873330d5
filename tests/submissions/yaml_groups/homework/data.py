from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"


class Dataset:
    def __init__(self, split: str):
        self.rows = json.loads((DATA / f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


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
        rows = [dataset[i] for i in range(min(len(dataset), max_question))]
        samples = [Sample(q, a, c, is_answer_valid(a, c)) for a, (q, c) in zip(answers, rows)]
        n = len(samples) or 1
        return cls(
            accuracy=sum(s.is_correct for s in samples) / n,
            answer_rate=sum(not math.isnan(s.answer) for s in samples) / n,
            samples=samples,
        )


def benchmark(func, dataset, max_question):
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
