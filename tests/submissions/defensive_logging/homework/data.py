import functools
import json
import math
from collections import namedtuple
from pathlib import Path

DATA_DIR = Path(__file__).resolve().parent.parent / "data"


@functools.cache
def _rows(split: str) -> tuple:
    path = DATA_DIR / f"{split}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert rows, f"{path} holds no rows"
    return tuple(rows)


class Dataset:
    def __init__(self, split: str):
        self.data = _rows(split)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    if answer is None or not math.isfinite(answer):
        return False
    answer, correct_answer = round(answer, 3), round(correct_answer, 3)
    return abs(answer - correct_answer) < relative_tolerance * abs(correct_answer)


Sample = namedtuple("Sample", "question answer correct_answer is_correct")


class BenchmarkResult(namedtuple("BenchmarkResult", "accuracy answer_rate samples")):
    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        n = min(len(dataset), max_question)
        assert len(answers) >= n, f"{len(answers)} answers for {n} questions"
        rows = [dataset[i] for i in range(n)]
        samples = [Sample(r[0], a, r[1], is_answer_valid(a, r[1])) for r, a in zip(rows, answers)]
        correct = sum(s.is_correct for s in samples)
        answered = sum(math.isfinite(s.answer) for s in samples)
        return cls(correct / max(n, 1), answered / max(n, 1), samples)


def benchmark(func, dataset, max_question):
    n = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*[dataset[i][0] for i in range(n)]), dataset, max_question)
