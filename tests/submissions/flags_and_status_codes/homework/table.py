# table.py - the data set and the score.

import json
import os
from collections import namedtuple

from .defs import DATADIR

Sample = namedtuple("Sample", ("question", "answer", "correct_answer", "is_correct"))


class Dataset:
    def __init__(self, split):
        fp = open(os.path.join(DATADIR, split + ".json"))
        self.v = json.load(fp)
        self.n = len(self.v)
        fp.close()

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.v[i]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    a = round(answer, 3)
    c = round(correct_answer, 3)
    return abs(a - c) < relative_tolerance * abs(c)


class BenchmarkResult:
    def __init__(self, accuracy, answer_rate, samples):
        self.accuracy = accuracy
        self.answer_rate = answer_rate
        self.samples = samples

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        n = min(len(dataset), max_question)
        good = 0
        given = 0
        v = [None] * n
        for i in range(n):
            q, c = dataset[i]
            a = answers[i]
            ok = is_answer_valid(a, c)
            good += ok
            given += a == a
            v[i] = Sample(q, a, c, ok)
        return cls(good / n, given / n, v)


def benchmark(func, dataset, max_question):
    n = min(len(dataset), max_question)
    q = [dataset[i][0] for i in range(n)]
    return BenchmarkResult.from_answers(func.answer(*q), dataset, max_question)
