import json
import math
from dataclasses import dataclass

from homework.settings import DATA_DIR


class Dataset:
    def __init__(self, split: str):
        self.data = json.loads((DATA_DIR / f"{split}.json").read_text())

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, idx: int):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


@dataclass(slots=True)
class Sample:
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


@dataclass(slots=True)
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers: list[float], dataset: Dataset, max_question: int) -> "BenchmarkResult":
        n = min(len(dataset), max_question)
        samples = [
            Sample(dataset[i][0], answers[i], dataset[i][1], is_answer_valid(answers[i], dataset[i][1]))
            for i in range(n)
        ]
        return cls(
            accuracy=sum(s.is_correct for s in samples) / n,
            answer_rate=sum(not math.isnan(s.answer) for s in samples) / n,
            samples=samples,
        )

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.2%}, answered {self.answer_rate:.2%} of {len(self.samples)}"


def benchmark(func, dataset: Dataset, max_question: int) -> BenchmarkResult:
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
