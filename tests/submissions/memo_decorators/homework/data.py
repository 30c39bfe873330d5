import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "data"


@lru_cache(maxsize=8)
def rows_of(split: str) -> tuple:
    return tuple(json.loads((FOLDER / f"{split}.json").read_text()))


class Dataset:
    def __init__(self, split: str):
        self.data = rows_of(split)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    left, right = round(answer, 3), round(correct_answer, 3)
    return abs(left - right) < relative_tolerance * abs(right)


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
        for idx, answer in zip(range(min(len(dataset), max_question)), answers):
            question, correct = dataset[idx][0], dataset[idx][1]
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        total = len(samples) or 1
        hits = sum(s.is_correct for s in samples)
        given = sum(s.answer == s.answer for s in samples)
        return cls(hits / total, given / total, samples)


def benchmark(func, dataset, max_question):
    questions = [dataset[idx][0] for idx in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
