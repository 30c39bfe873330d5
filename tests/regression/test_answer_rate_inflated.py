"""An answer rate of 1.0 with nothing behind it is found.

The reports' ``parse_answer`` returned 0.0 where a completion held no number. 0.0 counts as an answer, so the answer
rate was always 1.0, and a model that wrote garbage looked like one that answers and is merely wrong.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import snippets

from homework import data
from homework.base_llm import BaseLLM
from unsilent.evaluation import check_answer_rate

pytestmark = [pytest.mark.regression, pytest.mark.failure("answer-rate-inflated")]


@pytest.fixture
def llm(tiny_base: Path) -> BaseLLM:
    """An untrained tiny model, which writes garbage."""
    loaded = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    loaded.max_new_tokens = 8
    return loaded


def test_fault_is_real(llm: BaseLLM, small_data: Path) -> None:
    """With the reports' parser the answer rate of garbage is 1.0 while the accuracy is 0."""
    faults.parse_nothing_as_zero(llm)
    result = data.benchmark(llm, data.Dataset("valid"), 10)

    assert (result.answer_rate, result.accuracy) == (1.0, 0.0)


def test_check_finds_it(llm: BaseLLM) -> None:
    """The finding names the failure, a text without a number and the number made of it."""
    faults.parse_nothing_as_zero(llm)
    outcome = check_answer_rate(llm.parse_answer)

    assert (outcome.status, outcome.slug) == ("failed", "answer-rate-inflated")
    assert "Expected NaN for a completion without a number, but got 0.0" in outcome.message
    assert outcome.evidence["tried"] == 10


def test_healthy_twin_is_left_alone(llm: BaseLLM, small_data: Path) -> None:
    """With our parser the same garbage has an answer rate below 1, and the check passes."""
    result = data.benchmark(llm, data.Dataset("valid"), 10)

    assert check_answer_rate(llm.parse_answer).status == "passed"
    assert result.answer_rate < 1.0


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "answer-rate-inflated")
