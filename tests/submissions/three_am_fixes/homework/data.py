import json
from dataclasses import dataclass
from pathlib import Path

DATA_DIR = Path(__file__).parent.parent / "data"


class Dataset:
    def __init__(self, split):
        with open(DATA_DIR / f"{split}.json") as f:
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
        samples = []
        for (q, c, *_), a in zip(dataset[:max_question] if isinstance(dataset, list) else dataset.data[:max_question], answers):
            samples.append(Sample(q, a, c, is_answer_valid(a, c)))
        n = len(samples)
        return cls(sum(s.is_correct for s in samples) / n, sum(s.answer == s.answer for s in samples) / n, samples)


def benchmark(func, dataset, max_question=100):
    n = min(len(dataset), max_question)
    answers = func.answer(*[dataset[i][0] for i in range(n)])
    return BenchmarkResult.from_answers(answers, dataset, n)
