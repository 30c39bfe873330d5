import json
import os
from dataclasses import dataclass

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


class Dataset:
    def __init__(self, split):
        with open(os.path.join(DATA, split + ".json")) as f:
            self.data = json.load(f)

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
        n = min(len(dataset), max_question)
        samples = []
        for i in range(n):
            q, c = dataset[i]
            samples.append(Sample(q, answers[i], c, is_answer_valid(answers[i], c)))
        acc = sum(s.is_correct for s in samples) / n
        rate = sum(s.answer == s.answer for s in samples) / n
        return cls(acc, rate, samples)


def benchmark(func, dataset, max_question):
    n = min(len(dataset), max_question)
    answers = func.answer(*[dataset[i][0] for i in range(n)])
    return BenchmarkResult.from_answers(answers, dataset, max_question)
