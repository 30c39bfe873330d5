import json
from collections import namedtuple
from functools import partial
from itertools import islice
from math import isnan
from pathlib import Path

DATA_DIR = Path(__file__).resolve().parents[1] / "data"

Sample = namedtuple("Sample", "question answer correct_answer is_correct")


def read_split(split):
    return json.loads((DATA_DIR / f"{split}.json").read_text())


class Dataset:
    def __init__(self, split):
        self.data = read_split(split)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    a, c = (round(x, 3) for x in (answer, correct_answer))
    return abs(a - c) < relative_tolerance * abs(c)


def to_sample(row, answer):
    return Sample(row[0], answer, row[1], is_answer_valid(answer, row[1]))


class BenchmarkResult(namedtuple("BenchmarkResult", "accuracy answer_rate samples")):
    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = list(map(to_sample, islice(iter(dataset), max_question), answers))
        share = partial(lambda n, flags: sum(flags) / n, max(1, len(samples)))
        return cls(share(s.is_correct for s in samples), share(not isnan(s.answer) for s in samples), samples)


def benchmark(func, dataset, max_question):
    questions = [row[0] for row in islice(iter(dataset), max_question)]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
