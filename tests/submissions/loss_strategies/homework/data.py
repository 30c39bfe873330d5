import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        self.rows = json.loads((FOLDER / f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        return self.rows[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    target = round(correct_answer, 3)
    return abs(round(answer, 3) - target) < relative_tolerance * abs(target)


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
        size = min(len(dataset), max_question)
        samples = [
            Sample(dataset[i][0], given, dataset[i][1], is_answer_valid(given, dataset[i][1]))
            for i, given in zip(range(size), answers)
        ]
        right = sum(sample.is_correct for sample in samples)
        given = sum(sample.answer == sample.answer for sample in samples)
        return cls(right / max(size, 1), given / max(size, 1), samples)


def benchmark(func, dataset, max_question):
    size = min(len(dataset), max_question)
    answers = func.answer(*[dataset[i][0] for i in range(size)])
    return BenchmarkResult.from_answers(answers, dataset, max_question)
