import json
import math
from dataclasses import dataclass

from .settings import PACKAGE_ROOT


class Dataset:
    def __init__(self, split: str):
        self.data = json.loads((PACKAGE_ROOT.parent / "data" / f"{split}.json").read_text())

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    a, c = round(answer, 3), round(correct_answer, 3)
    return abs(a - c) < relative_tolerance * abs(c)


@dataclass
class Sample:
    question: str
    answer: float
    correct_answer: float
    is_correct: bool

    def __str__(self):
        shown = 0.0 if math.isnan(self.answer) else self.answer
        mark = "ok" if self.is_correct else "??" if math.isnan(self.answer) else "no"
        return f"{mark} {shown:>12.3f} {self.correct_answer:>12.3f}  {self.question}"


@dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        n = min(len(dataset), max_question)
        samples = [
            Sample(dataset[i][0], a, dataset[i][1], is_answer_valid(a, dataset[i][1])) for i, a in zip(range(n), answers)
        ]
        return cls(
            sum(s.is_correct for s in samples) / max(n, 1),
            sum(not math.isnan(s.answer) for s in samples) / max(n, 1),
            samples,
        )


def benchmark(func, dataset, max_question):
    n = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*[dataset[i][0] for i in range(n)]), dataset, max_question)
