import json
from dataclasses import dataclass

from .deco import STORE, timed


class Dataset:
    def __init__(self, split):
        self.data = json.loads((STORE / f"{split}.json").read_text())

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


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
    samples: list

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = [
            Sample(q, a, c, is_answer_valid(a, c))
            for a, (q, c) in zip(answers, (dataset[i] for i in range(min(len(dataset), max_question))))
        ]
        n = len(samples)
        return cls(sum(s.is_correct for s in samples) / n, sum(s.answer == s.answer for s in samples) / n, samples)


@timed
def benchmark(func, dataset, max_question):
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
