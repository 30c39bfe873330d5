"""python -m homework.selfcheck: the benchmark's plumbing, without any model."""

import math

from .base_llm import BaseLLM
from .data import BenchmarkResult, Dataset, benchmark


class Oracle:
    """Reads the solution from the data set, so the benchmark must say 1.0."""

    def __init__(self, dataset):
        self.table = {question: value for question, value in dataset}

    def answer(self, *questions):
        return [self.table[question] for question in questions]


class Silent:
    def answer(self, *questions):
        return [math.nan for _ in questions]


def main():
    valid = Dataset("valid")
    perfect: BenchmarkResult = benchmark(Oracle(valid), valid, 50)
    nothing = benchmark(Silent(), valid, 50)
    assert (perfect.accuracy, perfect.answer_rate) == (1.0, 1.0)
    assert (nothing.accuracy, nothing.answer_rate) == (0.0, 0.0)
    parse = BaseLLM.parse_answer
    assert parse(None, "6 * 1000 = <answer>6,000</answer>") == 6000
    assert math.isnan(parse(None, "no idea"))
    print("ok")


if __name__ == "__main__":
    main()
