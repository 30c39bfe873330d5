import json
from math import isnan
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent.parent / "data"

read_rows = lambda name: json.loads((DATA / f"{name}.json").read_text())  # noqa: E731


class Dataset(tuple):
    def __new__(cls, split):
        return super().__new__(cls, read_rows(split))


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    a, c = round(answer, 3), round(correct_answer, 3)
    return abs(a - c) < relative_tolerance * abs(c)


class Sample(NamedTuple):
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


class BenchmarkResult(NamedTuple):
    accuracy: float
    answer_rate: float
    samples: list

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        judged = [Sample(q, a, c, is_answer_valid(a, c)) for a, (q, c, *_) in zip(answers, dataset[:max_question])]
        share = lambda test: sum(map(test, judged)) / len(judged) if judged else 0.0  # noqa: E731
        return cls(share(lambda s: s.is_correct), share(lambda s: not isnan(s.answer)), judged)


def benchmark(func, dataset, max_question):
    questions = [row[0] for row in dataset[:max_question]]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
