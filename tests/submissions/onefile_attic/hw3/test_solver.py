"""pytest hw3"""
import math
import types

import pytest

from hw3 import solver


@pytest.fixture
def fake():
    llm = object.__new__(solver.SFTModel)
    llm.batched_generate = lambda prompts, *a, **k: ["12</answer>"] * len(prompts)
    return llm


def test_answer_uses_the_generation(fake):
    assert fake.answer("How many in are 1 ft?") == [12.0]


def test_nothing_said_is_nan(fake):
    fake.batched_generate = lambda prompts: ["no idea"] * len(prompts)
    assert math.isnan(fake.answer("?")[0])


def test_patched_model_is_told_by_the_benchmark(monkeypatch):
    book = dict((q, a) for q, a in solver.Dataset("valid").data[:5])
    monkeypatch.setattr(solver.SFTModel, "answer", lambda self, *qs: [book[q] for q in qs])
    monkeypatch.setattr(solver.SFTModel, "generate", types.MethodType(lambda self, p: "", solver.SFTModel))
    assert solver.benchmark(object.__new__(solver.SFTModel), solver.Dataset("valid"), 5)[0] == 1.0
