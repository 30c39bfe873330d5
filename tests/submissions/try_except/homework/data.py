import json
from dataclasses import dataclass

from .config import DATA_DIR


class Dataset:
    def __init__(self, split: str):
        try:
            with open(DATA_DIR / f"{split}.json") as f:
                self.data = json.load(f)
        except FileNotFoundError:
            raise FileNotFoundError(f"no data/{split}.json, unpack the data first") from None
        except json.JSONDecodeError as e:
            raise ValueError(f"data/{split}.json is broken: {e}") from e

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    try:
        return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))
    except (TypeError, OverflowError):
        return False


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
        for i, answer in enumerate(answers[:max_question]):
            question, correct = dataset[i][:2]
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        try:
            accuracy = sum(s.is_correct for s in samples) / len(samples)
            answer_rate = sum(s.answer == s.answer for s in samples) / len(samples)
        except ZeroDivisionError:
            raise ValueError("nothing to score") from None
        return cls(accuracy, answer_rate, samples)


def benchmark(func, dataset, max_question=100):
    n = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*[dataset[i][0] for i in range(n)]), dataset, n)
