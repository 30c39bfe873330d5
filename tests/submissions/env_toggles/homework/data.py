import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Dataset:
    def __init__(self, split: str):
        with (HERE.parent / "data" / f"{split}.json").open() as handle:
            self.data = json.load(handle)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    answer, correct_answer = round(answer, 3), round(correct_answer, 3)
    return abs(answer - correct_answer) < relative_tolerance * abs(correct_answer)


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
        count = min(len(dataset), max_question)
        samples = []
        for i, answer in zip(range(count), answers):
            question, correct, *_ = dataset[i]
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        divisor = count or 1
        return cls(
            sum(s.is_correct for s in samples) / divisor, sum(s.answer == s.answer for s in samples) / divisor, samples
        )


def benchmark(func, dataset, max_question):
    count = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*[dataset[i][0] for i in range(count)]), dataset, max_question)
