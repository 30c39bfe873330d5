"""Rows that other bytes of the same weights lose are told from those that chance takes, by a second run of the same."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from unsilent.fresh_questions import PAIRED
from unsilent.grading import Grade, Part, PartGrade
from unsilent.part_runs import (
    OUT_OF_TIME,
    PartRun,
    changed_rows,
    doubts_of_rewriting,
    rounds_of,
    signs_of_rewriting,
)
from unsilent.submission_questions import Questions
from unsilent.submission_run import AGAIN, BASE_REWRITTEN, PLAIN, REWRITTEN

SFT = Part("sft", "load_sft")
ROWS = tuple((f"How many cm are in {number} m?", 100.0 * number) for number in range(1, 101))
NEW = tuple((f"How many mm are in {number} m?", 1000.0 * number) for number in range(1, 25))
QUESTIONS = Questions(ROWS, {PAIRED: NEW}, (), "canned")
RIGHT = tuple(answer for _, answer in (*ROWS, *NEW))


def wrong(*places: int) -> tuple[float | None, ...]:
    """Right answers, but for some places."""
    return tuple(None if place in places else one for place, one in enumerate(RIGHT))


def run(answers: Mapping[str, tuple[float | None, ...] | str]) -> PartRun:
    """What came of a part; an error is a text."""
    made = {kind: {"error": one} if isinstance(one, str) else {"answers": one} for kind, one in answers.items()}
    return PartRun(SFT, {kind: Grade({"sft": PartGrade("sft", **one)}) for kind, one in made.items()})


def test_process_that_says_nothing_has_an_error() -> None:
    """Neither answers nor a reason."""
    assert PartRun(SFT, {PLAIN: Grade()}).error_of(PLAIN) == "it said nothing"
    assert PartRun(SFT).error_of(PLAIN) == "it was not run"


def test_absence_and_want_of_time_are_known() -> None:
    """By the plain run's own look-up, and by our own word."""
    absent = Grade({"sft": PartGrade("sft", error="no such loader", is_absent=True)})

    assert PartRun(SFT, {PLAIN: absent}).is_absent
    assert not PartRun(SFT, {REWRITTEN: absent}).is_absent
    assert PartRun(SFT, {AGAIN: Grade(error=OUT_OF_TIME)}).is_out_of_time
    assert not run({PLAIN: OUT_OF_TIME}).is_out_of_time


def test_rows_alone_are_compared() -> None:
    """What is drawn for a new question says nothing about the rows."""
    found = run({PLAIN: RIGHT, REWRITTEN: wrong(3, 110), AGAIN: "ValueError: no"})

    assert changed_rows(found, QUESTIONS, PLAIN, REWRITTEN) == {3}
    assert changed_rows(found, QUESTIONS, PLAIN, AGAIN) == set()
    assert rounds_of(found, AGAIN, QUESTIONS) == {}
    assert rounds_of(found, REWRITTEN, QUESTIONS)[PAIRED].right == 23


@pytest.mark.parametrize(
    ("again", "lost", "is_found"),
    [
        (RIGHT, 10, True),
        (wrong(99), 10, False),
        (wrong(99), 16, True),
        (wrong(*range(80, 100)), 16, False),
        ("ValueError: no", 16, False),
        ("ValueError: no", 20, True),
    ],
    ids=["repeats", "one row draws", "more are lost", "many rows draw", "two runs", "two runs, more lost"],
)
@pytest.mark.parametrize("kind", [REWRITTEN, BASE_REWRITTEN])
def test_lost_rows_beyond_chance(
    kind: str, again: tuple[float | None, ...] | str, lost: int, *, is_found: bool
) -> None:
    """The fewer rows change by themselves, the fewer lost ones are enough."""
    found = run({PLAIN: RIGHT, kind: wrong(*range(lost)), AGAIN: again})

    assert bool(signs_of_rewriting(found, QUESTIONS)) is is_found


@pytest.mark.parametrize(
    ("again", "rewritten", "doubt"),
    [
        (RIGHT, wrong(1), ""),
        (RIGHT, wrong(1, 2), "2 of 100 answers are others where"),
        (wrong(9), wrong(1, 2), ""),
        (wrong(9), wrong(1, 2, 3), "3 of 100 answers are others where"),
        (wrong(*range(6)), RIGHT, "6 of 100 answers are others when the same is run again"),
        ("ValueError: no", wrong(1, 2), "2 of 100 answers are others (rewritten), and it was not seen to answer twice"),
        (RIGHT, "ValueError: other weights", "it does not answer with the same weights written in another way"),
    ],
    ids=["a tie", "beyond ties", "as much as chance", "more", "draws", "once", "refuses"],
)
def test_doubts(again: tuple[float | None, ...] | str, rewritten: tuple[float | None, ...] | str, doubt: str) -> None:
    """What is no finding is doubted where ties, or as many rows as change by themselves, do not explain it."""
    found = doubts_of_rewriting(run({PLAIN: RIGHT, AGAIN: again, REWRITTEN: rewritten}), QUESTIONS)

    assert found.startswith(doubt)
    assert bool(found) is bool(doubt)


def test_rows_that_are_known_and_others_that_are_not() -> None:
    """Looked up, or learnt by heart: a doubt by itself."""
    found = doubts_of_rewriting(run({PLAIN: wrong(*range(100, 124))}), QUESTIONS)

    assert "100 of 100 of these rows are right, and 0 of 24 rows" in found
