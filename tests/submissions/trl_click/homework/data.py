import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


class Dataset(list):
    """The rows of data/<split>.json."""

    def __init__(self, split: str):
        super().__init__(json.loads((ROOT / "data" / f"{split}.json").read_text()))
        self.split = split


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    answer, correct_answer = round(answer, 3), round(correct_answer, 3)
    return bool(abs(answer - correct_answer) < relative_tolerance * abs(correct_answer))


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
        samples = [
            Sample(row[0], answer, row[1], is_answer_valid(answer, row[1]))
            for row, answer in zip(dataset[:max_question], answers)
        ]
        if not samples:
            return cls(0.0, 0.0, [])
        return cls(
            accuracy=float(np.mean([s.is_correct for s in samples])),
            answer_rate=float(np.mean(~np.isnan([s.answer for s in samples]))),
            samples=samples,
        )


def benchmark(func, dataset, max_question):
    answers = func.answer(*[row[0] for row in dataset[:max_question]])
    return BenchmarkResult.from_answers(answers, dataset, max_question)


def error_report(result: BenchmarkResult) -> str:
    """Median relative error of what was answered, for the log; the unanswered are counted apart."""
    wrong = np.array([abs(s.answer / s.correct_answer - 1) for s in result.samples])
    share = np.isnan(wrong).mean() if len(wrong) else 0.0
    middle = np.nanmedian(wrong) if share < 1 else float("nan")
    return f"median relative error {middle:.3g}, without a number {share:.1%}"
