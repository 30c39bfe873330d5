"""A model that is whole, honest, and not good enough is stopped before the grader gives it no points.

In the history of the same code 120 steps gave an accuracy of 0.20: adapter, prompts and answers were all as they should
be, every check was green, and the part was worth nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import faults
import pytest
from honest_models import honest_llm, splits

from unsilent.dose import check_effect
from unsilent.evaluation import check_answers
from unsilent.outcome import Outcome
from unsilent.score_bounds import check_bounds
from unsilent.scores import score

pytestmark = [pytest.mark.regression, pytest.mark.failure("score-below-bound")]

ROWS = splits(0)[1]


def judge(answers: Sequence[float]) -> Outcome:
    """Held against the bounds of the SFT part."""
    return check_bounds(score(answers, ROWS), accuracy=0.40, answer_rate=0.90, part="sft")


def points(answers: Sequence[float]) -> float:
    """The grader's: a share of all points, from 0 at an accuracy of 0.4 to 1 at 0.6."""
    return max(0.0, min(1.0, (score(answers, ROWS).accuracy.value - 0.4) / 0.2))


def answers_of_early_stop() -> list[float]:
    """What it answers after a third of its way."""
    llm = honest_llm("trained")
    faults.stop_early(llm.model)
    return llm.answer(*(question for question, _ in ROWS))


def test_fault_is_real() -> None:
    """Every answer is a number, the adapter has its effect, and the part is worth nothing."""
    llm = honest_llm("trained")
    faults.stop_early(llm.model)
    answers = llm.answer(*(question for question, _ in ROWS))
    example = (llm.format_prompt(ROWS[0][0]), llm.generate(llm.format_prompt(ROWS[0][0])))

    assert check_answers(answers).status == "passed"
    assert check_effect(llm.model, llm.tokenizer, [example]).status == "passed"
    assert points(answers) == 0.0


def test_check_finds_it() -> None:
    """The share with its interval, the bound, and the worst row."""
    outcome = judge(answers_of_early_stop())

    assert (outcome.status, outcome.slug) == ("failed", "score-below-bound")
    words = r"Expected accuracy above 0.4, but got (0.\d+) \(0.\d+-0.\d+, (\d+) of 100\). Where: sft"
    said = re.match(words, outcome.message)
    assert said
    assert float(said[1]) == int(said[2]) / 100 < 0.4
    assert outcome.evidence["accuracy"]["bound"] == 0.40  # type: ignore[index] # plain JSON
    assert len(outcome.evidence["worst"]) == 3  # type: ignore[arg-type] # plain JSON


def test_check_finds_too_few_answers() -> None:
    """Half of the answers are right, and the other half are none."""
    llm = honest_llm("trained")
    outcome = judge(faults.leave_half_open(llm.answer(*(question for question, _ in ROWS))))

    assert outcome.status == "failed"
    assert "Expected answer rate above 0.9, but got 0.500" in outcome.message


def test_share_at_the_bound_is_below_it() -> None:
    """At 0.40 the grader still gives nothing."""
    answers = [right if place < 40 else -1.0 for place, (_, right) in enumerate(ROWS)]

    assert (points(answers), judge(answers).status) == (0.0, "failed")


def test_healthy_twin_is_left_alone() -> None:
    """The same model, trained to the end."""
    answers = honest_llm("trained").answer(*(question for question, _ in ROWS))

    assert points(answers) == 1.0
    assert judge(answers).status == "passed"
    assert judge(answers).message == ""
