from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

DATA_DIR = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        self.data = json.loads((DATA_DIR / f"{split}.json").read_text())

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    given, wanted = round(answer, 3), round(correct_answer, 3)
    return abs(given - wanted) < relative_tolerance * abs(wanted)


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
        total = min(len(dataset), max_question)
        samples = []
        for index, given in zip(range(total), answers):
            question, correct = dataset[index][:2]
            samples.append(Sample(question, given, correct, is_answer_valid(given, correct)))
        hits = [s for s in samples if s.is_correct]
        replies = [s for s in samples if s.answer == s.answer]
        return cls(len(hits) / max(1, total), len(replies) / max(1, total), samples)


def benchmark(func, dataset, max_question):
    total = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*(dataset[i][0] for i in range(total))), dataset, max_question)
