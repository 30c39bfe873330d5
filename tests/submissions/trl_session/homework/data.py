import json
import math
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split):
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
        n = min(max_question, len(dataset))
        samples = [Sample(dataset[i][0], answers[i], dataset[i][1], is_answer_valid(answers[i], dataset[i][1])) for i in range(n)]
        return cls(
            accuracy=sum(s.is_correct for s in samples) / n,
            answer_rate=sum(not math.isnan(s.answer) for s in samples) / n,
            samples=samples,
        )


def benchmark(func, dataset, max_question):
    n = min(max_question, len(dataset))
    return BenchmarkResult.from_answers(func.answer(*[dataset[i][0] for i in range(n)]), dataset, max_question)
