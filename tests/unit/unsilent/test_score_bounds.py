"""A share is held against its bound as it is; what is luck is said."""

from __future__ import annotations

import math

import pytest

from unsilent.outcome import Outcome
from unsilent.score_bounds import check_bounds
from unsilent.scores import score

ROWS = [(f"How many cm are in {number} m?", 100.0 * number) for number in range(1, 101)]


def judge(right: int, numbers: int = 100, accuracy: float = 0.40, answer_rate: float = 0.90) -> Outcome:
    """So many right answers, and so many numbers, in a hundred."""
    wrong = [-1.0 if place < numbers else math.nan for place in range(len(ROWS))]
    answers = [answer for _, answer in ROWS[:right]] + wrong[right:]
    return check_bounds(score(answers, ROWS), accuracy=accuracy, answer_rate=answer_rate)


@pytest.mark.parametrize(
    ("right", "numbers", "status"),
    [(41, 91, "passed"), (40, 91, "failed"), (41, 90, "failed"), (100, 100, "passed"), (0, 0, "failed")],
)
def test_both_shares_must_exceed_their_bound(right: int, numbers: int, status: str) -> None:
    """0.40 is not above 0.40."""
    assert judge(right, numbers).status == status


def test_luck_is_said() -> None:
    """46 of 100 may be 37 of the next hundred; 90 of 100 is above 0.40 for sure."""
    assert judge(46).message == (
        "accuracy 0.460 (0.366-0.557, 46 of 100): other rows of the same kind may be below 0.4"
    )
    assert judge(90).message == ""


def test_both_are_told() -> None:
    """One finding, both shares, the worst row first: one without a number."""
    outcome = judge(10, 20)

    assert "Expected accuracy above 0.4 and answer rate above 0.9, but got 0.100" in outcome.message
    assert "has no number instead of 2100" in outcome.message


def test_bound_of_zero_asks_for_one_right_answer() -> None:
    """As for the part that only shows examples; any share above it is no luck worth a word."""
    assert judge(0, accuracy=0.0, answer_rate=0.0).status == "failed"
    assert judge(1, accuracy=0.0, answer_rate=0.0) == judge(99, accuracy=0.0, answer_rate=0.0)
