import json
from dataclasses import dataclass

from .options import ROOT


class Dataset:
    def __init__(self, split: str):
        with open(ROOT.parent / "data" / f"{split}.json") as file:
            self.data = json.load(file)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
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
        samples = []
        for i, given in zip(range(min(len(dataset), max_question)), answers):
            question, correct = dataset[i][:2]
            samples.append(Sample(question, given, correct, is_answer_valid(given, correct)))
        n = max(len(samples), 1)
        return cls(
            accuracy=sum(s.is_correct for s in samples) / n,
            answer_rate=sum(s.answer == s.answer for s in samples) / n,
            samples=samples,
        )


def benchmark(func, dataset, max_question):
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
