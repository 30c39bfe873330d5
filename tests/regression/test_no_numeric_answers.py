"""A model that writes, but no numbers, is found with what it writes.

Answer rate 0 and accuracy 0 look alike whatever lies behind: a prompt without its opening tag, or NaN weights.
"""

from __future__ import annotations

import copy
from pathlib import Path

import faults
import pytest
import snippets
import support

from homework.data import benchmark
from homework.sft import SFTModel
from unsilent.evaluation import check_answers
from unsilent.outcome import Outcome, fold_symptoms
from unsilent.prompts import check_prompts

pytestmark = [pytest.mark.regression, pytest.mark.failure("no-numeric-answers")]

ROWS = support.FIVE_ROWS


@pytest.fixture(scope="module")
def taught(tiny_base: Path) -> SFTModel:
    """A tiny model that knows five rows by heart."""
    loaded = SFTModel(str(tiny_base), dtype="fp32", device="cpu")
    support.memorise(loaded, ROWS)
    return loaded


@pytest.fixture
def llm(taught: SFTModel) -> SFTModel:
    """A copy of it to break."""
    return copy.deepcopy(taught)


def check(llm: SFTModel) -> Outcome:
    """Ask the five questions and judge the answers."""
    prompts = [llm.format_prompt(question) for question, _ in ROWS]
    completions = llm.batched_generate(prompts)
    return check_answers(map(llm.parse_answer, completions), completions, prompts)


def test_fault_is_real(llm: SFTModel) -> None:
    """With the tag it knows every answer; without, none can be read, and with NaN weights nothing is written."""
    known = benchmark(llm, ROWS)
    faults.leave_out_tag(llm)
    without_tag = benchmark(llm, ROWS)
    faults.poison_weights(llm)

    assert (known.accuracy, known.answer_rate) == (1.0, 1.0)
    assert (without_tag.accuracy, without_tag.answer_rate) == (0.0, 0.0)
    assert llm.batched_generate([ROWS[0][0]]) == [""]


def test_check_finds_it(llm: SFTModel) -> None:
    """The finding shows a prompt and its completion, and what is lacking in most prompts."""
    faults.leave_out_tag(llm)
    outcome = check(llm)

    assert (outcome.status, outcome.slug) == ("failed", "no-numeric-answers")
    assert "got 0 in 5: no opening <answer> in prompts" in outcome.message
    assert "prompt 'How many cm are in 3 m?', completion 'er>300</answer>'" in outcome.message


def test_check_finds_nan_weights(llm: SFTModel) -> None:
    """Nothing but empty completions."""
    faults.poison_weights(llm)

    assert check(llm).evidence["looks"] == ["empty completions"]


def test_cause_comes_first(llm: SFTModel) -> None:
    """Beside a prompt that is not training's, the missing answers are a symptom."""
    faults.leave_out_tag(llm)
    training = [f"{question} <answer>" for question, _ in ROWS]
    mismatch = check_prompts(llm.tokenizer, training, [llm.format_prompt(question) for question, _ in ROWS])
    found = fold_symptoms([check(llm), mismatch])

    assert [(one.slug, one.symptoms) for one in found] == [("prompt-mismatch", ("no-numeric-answers",))]


def test_healthy_twin_is_left_alone(llm: SFTModel) -> None:
    """Every answer is a number."""
    assert (check(llm).status, check(llm).message) == ("passed", "")


def test_wrong_numbers_are_answers() -> None:
    """An untrained model that writes a number now and then is bad, not broken: one in ten is enough."""
    outcome = check_answers([7.0, *[float("nan")] * 9])

    assert (outcome.status, outcome.message) == ("passed", "1 of 10 answers are numbers")


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "no-numeric-answers")
