"""A score that is no number is refused with where it came from, and no scoring function stumbles over NaN.

The reports' grader ended in ``ValueError: cannot convert float NaN to integer``; others clip, and NaN becomes perfect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import faults
import pytest
import support

from homework.data import BenchmarkResult, benchmark
from unsilent.scorers import check_score, check_scorer

pytestmark = [pytest.mark.regression, pytest.mark.failure("nan-score")]

ROWS = [("How many cm are in 3 m?", 300.0), ("What is 2 kg in g?", 2000.0), ("Convert 5 ft to in.", 60.0)]
RIGHT = [300.0, 2000.0, 60.0]


def by_fault(grade: Callable[[Sequence[float], Sequence[float]], float]) -> Callable[[list[float]], float]:
    """A grader of the three rows."""
    return lambda answers: grade(answers, RIGHT)


def test_fault_is_real() -> None:
    """The documented crash; the same NaN as a right answer; and as a perfect score."""
    answers = [300.0, math.nan, 60.0]
    with pytest.raises(ValueError, match="cannot convert float NaN to integer"):
        faults.grade_in_points(answers, RIGHT)

    assert faults.grade_by_exclusion(answers, RIGHT) == 1.0
    assert faults.clip_score(math.nan) == 1.0


def test_check_finds_it() -> None:
    """A NaN loss is refused, with the first loss that is not a number."""
    losses = [2.0, 1.5, math.nan, 1.0]
    outcome = check_score({"accuracy": 0.46, "loss": sum(losses) / 4}, losses=losses)

    assert (outcome.status, outcome.slug) == ("failed", "nan-score")
    assert "got nan for loss. Where: loss 2 is nan" in outcome.message
    assert outcome.evidence["losses"] == {2: "nan"}


def test_check_finds_what_was_clipped() -> None:
    """The score is a number again; the loss behind it is not."""
    losses = [2.0, math.nan]
    outcome = check_score({"score": faults.clip_score(math.nan)}, losses=losses)

    assert "got finite scores where 1 of the losses are not" in outcome.message


def test_check_finds_functions_that_crash() -> None:
    """The reports' grader is found before it is given a real NaN."""
    outcome = check_scorer(by_fault(faults.grade_in_points), RIGHT)

    assert (outcome.status, outcome.slug) == ("failed", "nan-score")
    assert "got ValueError: cannot convert float NaN to integer" in outcome.message


def test_check_finds_functions_that_take_nan_for_right() -> None:
    """``not beyond the tolerance`` and ``min(1.0, nan)`` both make something of nothing."""
    for score in (by_fault(faults.grade_by_exclusion), lambda answers: faults.clip_score(sum(answers) / 2360)):
        outcome = check_scorer(score, RIGHT)

        assert "a score 1, as if all were right" in outcome.message


def test_healthy_twin_is_left_alone() -> None:
    """NaN answers only lower the answer rate, and our own benchmark counts them as wrong."""
    result = benchmark(support.CannedLLM([300.0, math.nan]), ROWS)
    scores = {"accuracy": result.accuracy, "answer_rate": result.answer_rate}

    assert check_score(scores, answers=[300.0, math.nan, math.nan]).status == "passed"
    assert check_scorer(lambda answers: BenchmarkResult.from_answers(answers, ROWS, 3), RIGHT).status == "passed"
