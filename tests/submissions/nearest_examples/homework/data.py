import json
from dataclasses import dataclass
from pathlib import Path

DATA_DIR = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        with open(DATA_DIR / f"{split}.json") as f:
            self.data = json.load(f)

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
        rows = [dataset[i] for i in range(min(len(dataset), max_question))]
        samples = [
            Sample(row[0], answer, row[1], is_answer_valid(answer, row[1]))
            for row, answer in zip(rows, answers)
        ]
        n = max(len(samples), 1)
        return cls(
            accuracy=sum(s.is_correct for s in samples) / n,
            answer_rate=sum(s.answer == s.answer for s in samples) / n,  # NaN != NaN
            samples=samples,
        )


def benchmark(func, dataset, max_question: int) -> BenchmarkResult:
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
