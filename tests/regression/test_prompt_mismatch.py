"""Inference sends the prompts that training taught, token by token, and formats them once.

The loss was good and there were no answers: a space, a missing tag or a second round of formatting came between.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import snippets
import support

from homework.data import benchmark
from homework.sft import SFTModel, format_example
from homework.tokens import TokenizedDataset
from unsilent.outcome import Outcome
from unsilent.prompts import check_prompts
from unsilent.sent_prompts import read_sent_prompts

pytestmark = [pytest.mark.regression, pytest.mark.failure("prompt-mismatch")]

ROWS = support.FIVE_ROWS


@pytest.fixture
def llm(tiny_base: Path) -> SFTModel:
    """An untrained tiny model."""
    return SFTModel(str(tiny_base), dtype="fp32", device="cpu")


def check(llm: SFTModel) -> Outcome:
    """Compare training's rows with what the model is sent."""
    rows = TokenizedDataset(llm.tokenizer, ROWS, format_example)
    return check_prompts(llm.tokenizer, rows, read_sent_prompts(llm, [question for question, _ in ROWS]))


def test_fault_is_real(llm: SFTModel) -> None:
    """A good loss and every answer right; formatted twice, none is left of the same model."""
    loss = support.memorise(llm, ROWS)
    before = benchmark(llm, ROWS)
    faults.format_again(llm)

    assert loss < 0.05
    assert before.accuracy == 1.0
    assert benchmark(llm, ROWS).answer_rate == 0.0


def test_check_finds_it(llm: SFTModel) -> None:
    """The finding says what was done twice, and shows the first differing token from both sides."""
    faults.format_again(llm)
    outcome = check(llm)

    assert (outcome.status, outcome.slug) == ("failed", "prompt-mismatch")
    assert "5 of 5 that differ (formatted twice at inference: '<answer>')" in outcome.message
    assert "token 32 of prompt 0, counted from 0: 'nswer>' in training, 'nswer> <answ' at inference" in outcome.message


def test_check_finds_a_space(llm: SFTModel) -> None:
    """One space behind the tag."""
    faults.end_with_a_space(llm)

    assert check(llm).evidence.get("kind") == "inference goes on with ' '"


def test_check_finds_a_missing_tag(llm: SFTModel) -> None:
    """The tag that training's prompts end with is not sent."""
    faults.leave_out_tag(llm)

    assert check(llm).evidence.get("kind") == "inference ends before ' <answer>'"


def test_check_finds_doubling_on_both_sides(llm: SFTModel) -> None:
    """Training formatted twice, too: nothing differs, and it is still twice."""
    faults.format_again(llm)
    prompts = [llm.format_prompt(question) for question, _ in ROWS]
    outcome = check_prompts(llm.tokenizer, prompts, prompts)

    assert "0 of 5 that differ (both formatted twice: '<answer>')" in outcome.message


def test_healthy_twin_is_left_alone(llm: SFTModel) -> None:
    """Our own rows and prompts, as text and as they reach the model."""
    assert (check(llm).status, check(llm).message) == ("passed", "")


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "prompt-mismatch")
