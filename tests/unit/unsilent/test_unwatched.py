"""Answers that were right when nobody watched, and are wrong when somebody does, came from elsewhere."""

from __future__ import annotations

import pytest

from unsilent.outcome import Outcome
from unsilent.unwatched import check_unwatched

ROWS = [(f"How many cm are in {number} m?", 100.0 * number) for number in range(1, 101)]


def compare(only_graded: int, only_watched: int, both: int = 0) -> Outcome:
    """So many rows right in one of the two runs only; the rest is wrong in both."""
    marks = [(True, False)] * only_graded + [(False, True)] * only_watched + [(True, True)] * both
    marks += [(False, False)] * (len(ROWS) - len(marks))
    graded, watched = (
        [row[1] if mark[side] else None for row, mark in zip(ROWS, marks, strict=True)] for side in (0, 1)
    )
    return check_unwatched(graded, watched, ROWS, "load_sft")


@pytest.mark.parametrize(("only_graded", "only_watched"), [(20, 0), (60, 0), (40, 5)])
def test_better_when_nobody_watches(only_graded: int, only_watched: int) -> None:
    """Twenty rows are beyond chance, and are shown."""
    outcome = compare(only_graded, only_watched, both=30)

    assert (outcome.slug, outcome.status) == ("answer-lookup", "failed")
    assert f"got {only_graded} of 100 that are right when it is graded" in outcome.message
    assert "Where: load_sft, row 0, 'How many cm are in 1 m?': 100.0, then None" in outcome.message
    assert outcome.evidence["right_when_watched_only"] == only_watched


@pytest.mark.parametrize(("only_graded", "only_watched"), [(19, 0), (30, 30), (5, 2), (0, 60)])
def test_differences_of_an_honest_program_are_said(only_graded: int, only_watched: int) -> None:
    """Rounding, and answers that are drawn, differ in both directions; worse without a watcher is no cheat."""
    outcome = compare(only_graded, only_watched)

    assert outcome.status == "passed"
    assert outcome.message == f"{only_graded + only_watched} of 100 answers are right in one of two runs only"


def test_same_answers_are_not_worth_a_word() -> None:
    """The ordinary case."""
    assert compare(0, 0, both=50).message == ""
