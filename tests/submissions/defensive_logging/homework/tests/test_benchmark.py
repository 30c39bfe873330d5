import pytest

from ..base_llm import BaseLLM
from ..data import Dataset, benchmark


class Oracle:
    """Knows every right answer: the benchmark has to say 1.0."""

    def answer(self, *questions):
        known = dict(Dataset("valid").data)
        return [known[q] for q in questions]


class Parser(BaseLLM):
    def __init__(self):
        pass


def test_bounds():
    assert benchmark(Oracle(), Dataset("valid"), 50).accuracy == 1.0


@pytest.mark.parametrize("text", ["", "no idea</answer>", "<answer></answer>", "inf</answer>"])
def test_nothing_is_nan(text):
    value = Parser().parse_answer(text)
    assert value != value
