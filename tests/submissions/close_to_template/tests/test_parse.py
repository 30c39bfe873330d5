"""Tests with a stand-in for the model: it looks the answers up, so that only the grader part is tested."""
import math

from homework import BaseLLM, Dataset
from homework.data import benchmark


class Oracle(BaseLLM):
    def __init__(self):
        self.table = {q: a for q, a in Dataset("valid")}

    def answer(self, *questions):
        return [self.table[q] for q in questions]


class Silent(Oracle):
    def parse_answer(self, answer):
        return 0.0


def test_oracle_is_perfect():
    assert benchmark(Oracle(), Dataset("valid"), 100).accuracy == 1.0


def test_nothing_is_nan():
    assert math.isnan(BaseLLM.parse_answer(None, "I do not know"))
    assert Silent().parse_answer("") == 0.0
