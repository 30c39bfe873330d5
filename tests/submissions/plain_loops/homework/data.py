import json
import os
from collections import namedtuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

Sample = namedtuple("Sample", "question answer correct_answer is_correct")


class Dataset(list):
    def __init__(self, split):
        with open(os.path.join(ROOT, "data", split + ".json")) as f:
            super().__init__(json.load(f))


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    answer = round(answer, 3)
    correct_answer = round(correct_answer, 3)
    return abs(answer - correct_answer) < relative_tolerance * abs(correct_answer)


class BenchmarkResult(namedtuple("BenchmarkResult", "accuracy answer_rate samples")):
    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = [Sample(q, a, c, is_answer_valid(a, c)) for a, (q, c) in zip(answers, dataset[:max_question])]
        n = max(len(samples), 1)
        return cls(sum(s.is_correct for s in samples) / n, sum(s.answer == s.answer for s in samples) / n, samples)


def benchmark(func, dataset, max_question):
    return BenchmarkResult.from_answers(func.answer(*[row[0] for row in dataset[:max_question]]), dataset, max_question)
