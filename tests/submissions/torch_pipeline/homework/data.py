import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).resolve().parents[1] / "data"


class Dataset:
    def __init__(self, split: str):
        with open(DATA / f"{split}.json") as handle:
            self.data = json.load(handle)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, idx: int):
        return self.data[idx]

    def head(self, limit: int) -> Iterator:
        yield from self.data[:limit]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


class Sample(NamedTuple):
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


class BenchmarkResult(NamedTuple):
    accuracy: float
    answer_rate: float
    samples: list

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        pairs = zip(dataset.head(max_question), answers)
        samples = [Sample(q, a, c, is_answer_valid(a, c)) for (q, c, *_), a in pairs]
        n = len(samples) or 1
        answered = [s for s in samples if s.answer == s.answer]
        return cls(sum(s.is_correct for s in samples) / n, len(answered) / n, samples)


def benchmark(func, dataset, max_question: int) -> BenchmarkResult:
    questions = (row[0] for row in dataset.head(max_question))
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
