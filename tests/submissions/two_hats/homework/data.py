import json
import math
import pathlib
from collections import namedtuple

Sample = namedtuple("Sample", "question answer correct_answer is_correct")
folder = pathlib.Path(__file__).parents[1] / "data"


class Dataset(list):
    def __init__(self, split):
        super().__init__(json.loads((folder / (split + ".json")).read_text()))


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    a = round(answer, 3)
    c = round(correct_answer, 3)
    return abs(a - c) < relative_tolerance * abs(c)


class BenchmarkResult(namedtuple("BenchmarkResult", "accuracy answer_rate samples")):
    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = []
        for (question, correct), answer in zip(dataset[:max_question], answers):
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        good = [s for s in samples if s.is_correct]
        said = [s for s in samples if not math.isnan(s.answer)]
        return cls(len(good) / len(samples), len(said) / len(samples), samples)


def benchmark(func, dataset, max_question):
    return BenchmarkResult.from_answers(func.answer(*[row[0] for row in dataset[:max_question]]), dataset, max_question)
