import json
from dataclasses import dataclass
from functools import lru_cache

from .config import DATA_DIR


@lru_cache(maxsize=None)
def _rows(split: str) -> tuple:
    with (DATA_DIR / f"{split}.json").open() as file:
        return tuple(json.load(file))


class Dataset:
    def __init__(self, split: str):
        self.split = split
        self.data = _rows(split)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    wanted = round(correct_answer, 3)
    return abs(round(answer, 3) - wanted) < relative_tolerance * abs(wanted)


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
        samples = [
            Sample(row[0], given, row[1], is_answer_valid(given, row[1])) for row, given in zip(rows, answers, strict=False)
        ]
        count = max(1, len(samples))
        return cls(
            accuracy=sum(s.is_correct for s in samples) / count,
            answer_rate=sum(s.answer == s.answer for s in samples) / count,
            samples=samples,
        )


def benchmark(func, dataset, max_question: int) -> BenchmarkResult:
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
