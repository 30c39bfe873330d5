import json
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split):
        with (DATA / (split + ".json")).open() as stream:
            self.rows = json.load(stream)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    got, expected = round(answer, 3), round(correct_answer, 3)
    return abs(got - expected) < relative_tolerance * abs(expected)


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
        samples = [Sample(q, a, c, is_answer_valid(a, c)) for (q, c), a in zip(dataset[:max_question], answers)]
        count = max(1, len(samples))
        right = sum(s.is_correct for s in samples)
        given = sum(s.answer == s.answer for s in samples)
        return cls(right / count, given / count, samples)


def benchmark(func, dataset, max_question):
    questions = [q for q, _ in dataset[:max_question]]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
