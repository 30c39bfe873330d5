import json
from dataclasses import dataclass
from pathlib import Path


class Dataset:
    def __init__(self, split: str):
        self.data = json.load(open(Path(__file__).parent.parent / "data" / f"{split}.json"))

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, idx: int):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


@dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        rows = dataset.data[:max_question]
        return cls(
            accuracy=sum(is_answer_valid(a, row[1]) for a, row in zip(answers, rows)) / len(rows),
            answer_rate=sum(a == a for a in answers) / len(rows),
        )


def benchmark(func, dataset, max_question) -> BenchmarkResult:
    return BenchmarkResult.from_answers(func.answer(*(row[0] for row in dataset.data[:max_question])), dataset, max_question)
