import json
import math
import pathlib
from collections import namedtuple

Sample = namedtuple("Sample", "question answer correct_answer is_correct")
BenchmarkResult = namedtuple("BenchmarkResult", "accuracy answer_rate samples")


class Dataset(list):
    """A split is just a list of rows."""

    root = pathlib.Path(__file__).resolve().parents[1] / "data"

    def __init__(self, split):
        super().__init__(json.load(open(self.root / (split + ".json"))))


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    a, c = round(answer, 3), round(correct_answer, 3)
    return abs(a - c) < relative_tolerance * abs(c)


def benchmark(func, dataset, max_question):
    rows = dataset[:max_question]
    said = func.answer(*[q for q, *_ in rows])
    samples = [Sample(q, a, gold, is_answer_valid(a, gold)) for (q, gold, *_), a in zip(rows, said)]
    return BenchmarkResult(
        accuracy=sum(s.is_correct for s in samples) / len(samples),
        answer_rate=1 - sum(map(math.isnan, said)) / len(samples),
        samples=samples,
    )
