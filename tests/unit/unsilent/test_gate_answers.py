"""The answers of a part are scored as the grader scores them, and compared with those under the probe's eyes."""

from __future__ import annotations

import gated
import pytest

from unsilent.bounds import Bounds
from unsilent.gate_answers import judge_answers, judge_batch, judge_honesty, measure_answers, timed
from unsilent.grading import Grade, PartGrade
from unsilent.judging import Judged
from unsilent.outcome import failed, passed

FIRST = gated.ROWS[:100]


def statuses(one: PartGrade) -> dict[str, str]:
    """By slug."""
    return {outcome.slug: outcome.status for outcome in judge_answers(one, FIRST, Bounds())[0]}


def test_good_answers_pass() -> None:
    """In time, numbers, and above both bounds."""
    outcomes, found = judge_answers(gated.grade_of().parts["sft"], FIRST, Bounds())

    assert {outcome.status for outcome in outcomes} == {"passed"}
    assert found is not None
    assert found.accuracy.value == 1.0


def test_score_below_the_bound_of_its_part() -> None:
    """50 of 100 are enough for SFT, and not for RFT."""
    graded = gated.grade_of("sft", "rft", right=50).parts

    assert statuses(graded["sft"])["score-below-bound"] == "passed"
    assert statuses(graded["rft"])["score-below-bound"] == "failed"


def test_no_answers_are_no_score() -> None:
    """What went wrong is the reason; nothing is measured but a time that was too long."""
    crashed, late = (PartGrade("sft", seconds=seconds, error="it broke") for seconds in (3.0, 61.0))

    assert statuses(crashed) == dict.fromkeys(
        ["answers-too-slow", "no-numeric-answers", "score-below-bound"], "skipped"
    )
    assert statuses(late)["answers-too-slow"] == "failed"
    assert judge_answers(PartGrade("sft"), FIRST, Bounds())[1] is None
    assert list(measure_answers(crashed, None, Judged(), FIRST, Bounds())) == []
    assert [one.is_met for one in measure_answers(late, None, Judged(), FIRST, Bounds())] == [False]


def test_figures_stand_beside_their_bounds() -> None:
    """With interval and source; the accuracy on more rows is a note."""
    one = gated.grade_of(right=60).parts["sft"]
    _, found = judge_answers(one, FIRST, Bounds())
    accuracy, rate, seconds = measure_answers(one, found, gated.judged(right=90, count=120), gated.ROWS, Bounds())

    assert (accuracy.value, accuracy.bound, accuracy.sign) == (0.6, 0.4, ">")
    assert accuracy.note == "0.750 (0.666-0.819, 90 of 120) on 120 rows"
    assert accuracy.source == "the grader's band for SFT, 0.4-0.6"
    assert (rate.value, seconds.value, seconds.is_met) == (1.0, 5.0, True)
    assert next(measure_answers(one, found, gated.judged(), gated.ROWS, Bounds())).note == ""


@pytest.mark.parametrize(
    ("seconds", "error", "counts"),
    [(5.0, "", True), (16.0, "", True), (5.0, "it broke", False), (16.0, "it was ended", True), (None, "", False)],
)
def test_error_says_nothing_about_speed(seconds: float | None, error: str, counts: bool) -> None:  # noqa: FBT001
    """But where it came after the time was over."""
    assert (timed(seconds, 15.0, error) is not None) is counts


def test_batch_has_its_own_limit() -> None:
    """15 seconds; without a time there is a reason."""
    outcome, figures = judge_batch(Grade(batched_seconds=16.0), Bounds())

    assert (outcome.status, [one.is_met for one in figures]) == ("failed", [False])
    outcome, figures = judge_batch(Grade(error="no package"), Bounds())
    assert (outcome.status, outcome.reason, figures) == ("skipped", "no package", [])


def test_better_answers_for_the_grader_are_a_lookup() -> None:
    """The probe was content, and saw another program than the grader did."""
    one = gated.grade_of().parts["sft"]
    outcomes = list(judge_honesty(one, gated.judged(right=20), FIRST, "load_sft"))

    assert [(outcome.slug, outcome.status) for outcome in outcomes] == [
        ("answer-lookup", "failed"),
        ("answer-calculator", "skipped"),
    ]
    assert "whether or not anybody watches" in outcomes[0].message


def test_same_answers_leave_the_probe_its_word() -> None:
    """A few rows that differ are added to what it noticed; its own finding stays as it is."""
    one = gated.grade_of().parts["sft"]
    finding = failed("answer-lookup", "honesty", "Expected weights.", {"x": 1})
    noticing = gated.judged(right=95, honesty=(passed("answer-lookup", "honesty", "a file was read"),))

    assert [*judge_honesty(one, gated.judged(), FIRST, "")] == list(gated.judged().honesty)
    assert [*judge_honesty(one, gated.judged(right=20, honesty=(finding,)), FIRST, "")] == [finding]
    (outcome,) = judge_honesty(one, noticing, FIRST, "")
    assert outcome.message == "a file was read; 5 of 100 answers are right in one of two runs only"


def test_nothing_is_said_without_answers() -> None:
    """Why there are none stands in the section."""
    assert list(judge_honesty(PartGrade("sft"), Judged(error="x"), FIRST, "")) == []
