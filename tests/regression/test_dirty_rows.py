"""Rows that hold the right number in the wrong form are found before anything is trained on them.

A completion was accepted when the right number stood in it. Without tags, with two pairs of them, or with what is left
of a chat, the row teaches the model to write just that, and its answers cannot be read, or are others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import pytest
import support

from homework.base_llm import BaseLLM
from homework.samples import why_not
from unsilent.reasoning import CONTROL, DEBRIS, NO_TAG, NOT_FINITE, SEVERAL_TAGS, TEXT_BEHIND, check_dirty_rows

pytestmark = [pytest.mark.regression, pytest.mark.failure("dirty-rows")]

ROWS = [support.REASONED_ROWS[index] for index in (0, 1, 3)]


def learnt(tiny_base: Path, rows: list[list[Any]]) -> list[float]:
    """What a model that knows these rows by heart answers to their questions."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    texts = [(question, f" {reasoning}") for question, _, reasoning in rows]
    support.memorise(llm, texts, format_fn=lambda question, text: {"question": question, "answer": text})
    return llm.answer(*(question for question, *_ in rows))


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("fault", "learnt_answers"),
    [(faults.leave_out_tags, [math.nan] * 3), (faults.answer_twice, [600.0, 4000.0, 192.0])],
    ids=["without tags", "with two pairs"],
)
def test_fault_is_real(tiny_base: Path, fault: Callable[..., Any], learnt_answers: list[float]) -> None:
    """The rows hold the right number, and a model that has learnt them answers with none, or with another."""
    rows = fault(ROWS)

    assert all(faults.accept_by_number(row, [row[2]]) for row in rows)
    assert learnt(tiny_base, rows) == pytest.approx(learnt_answers, nan_ok=True)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.leave_out_tags, NO_TAG),
        (faults.answer_twice, SEVERAL_TAGS),
        (faults.keep_chat, TEXT_BEHIND),
        (faults.keep_role_names, DEBRIS),
    ],
)
def test_check_finds_it(fault: Callable[..., Any], reason: str) -> None:
    """The finding counts the rows by reason and shows one."""
    outcome = check_dirty_rows([ROWS[0], *fault(ROWS[1:])])

    assert (outcome.status, outcome.slug) == ("failed", "dirty-rows")
    assert f"got 2 dirty rows of 3: {reason} 2. Where: row 1, {reason}:" in outcome.message
    assert outcome.evidence["reasons"] == {reason: 2}


@pytest.mark.parametrize(
    "fault", [faults.leave_out_tags, faults.answer_twice, faults.keep_chat, faults.keep_role_names]
)
def test_our_sampler_keeps_none(fault: Callable[..., Any]) -> None:
    """A completion with the right number in the wrong form is rejected; in the right form it is kept."""
    assert all(why_not(row[2], row[0], row[1]) for row in fault(ROWS))
    assert not any(why_not(row[2], row[0], row[1]) for row in ROWS)


def test_check_finds_what_a_sampler_accepted_by_number() -> None:
    """Of four completions it takes the first, which calculates with nan and is right by chance."""
    completions = ["1 m = nan cm, so <answer>300</answer>", ROWS[0][2], "300", "1 m <answer>300</answer> \x07"]
    outcomes = [
        check_dirty_rows([faults.accept_by_number(ROWS[0], completions[first:])]) for first in range(len(completions))
    ]

    assert [outcome.evidence.get("reasons") for outcome in outcomes] == [
        {NOT_FINITE: 1}, None, {NO_TAG: 1}, {TEXT_BEHIND: 1},
    ]  # fmt: skip


def test_healthy_twin_is_left_alone(tiny_base: Path) -> None:
    """Well-formed rows pass, and a model that has learnt them answers with their numbers."""
    assert check_dirty_rows([*ROWS[:2], [*ROWS[2][:2], ROWS[2][2] + "\n"]]).status == "passed"
    assert learnt(tiny_base, ROWS) == [300.0, 2000.0, 96.0]


def test_control_characters_are_no_reasoning() -> None:
    """A bell in the text is dirt."""
    assert check_dirty_rows([["q", 1.0, "\x07one <answer>1</answer>"]]).evidence["reasons"] == {CONTROL: 1}
