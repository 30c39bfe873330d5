import json
from dataclasses import dataclass, field
from pathlib import Path

DATA_DIR = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        self.rows = json.loads((DATA_DIR / f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


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
    samples: list[Sample] = field(repr=False)

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        n = min(len(dataset), max_question)
        samples = []
        for (question, correct), answer in zip((dataset[i] for i in range(n)), answers):
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        answered = sum(s.answer == s.answer for s in samples)
        return cls(sum(s.is_correct for s in samples) / n, answered / n, samples)


def benchmark(func, dataset, max_question: int) -> BenchmarkResult:
    n = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*(dataset[i][0] for i in range(n))), dataset, max_question)


def evaluate(llm, split: str = "valid", max_question: int = 100) -> BenchmarkResult:
    return benchmark(llm, Dataset(split), max_question)
