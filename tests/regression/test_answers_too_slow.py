"""Load and answers together end before the grader stops waiting.

The grader gives a part 60 seconds, its load included, and then counts every answer of it as wrong. Here the limits and
the calls are much shorter.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
from tiny_submission import ANSWERS, QUESTIONS, take_time_for_each_call, write_submission

from unsilent import grading
from unsilent.grading import GraderLimits, Part, PartGrade, grade
from unsilent.outcome import Outcome
from unsilent.speed import check_speed

pytestmark = [pytest.mark.regression, pytest.mark.failure("answers-too-slow")]

LIMIT = 0.8


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight questions take 0.25 s together, and 2 s one by one."""
    monkeypatch.setattr(grading, "PRELOADED", ())
    folder = write_submission(tmp_path)
    take_time_for_each_call(folder, 0.25)
    return folder


def graded(package: Path) -> PartGrade:
    """As the grader does it, in a fraction of the time."""
    return grade(package, [Part("sft", "load_sft")], QUESTIONS, bounds=GraderLimits(LIMIT, LIMIT)).parts["sft"]


def judged(part: PartGrade) -> Outcome:
    """As the gate does it."""
    return check_speed(part.seconds, LIMIT, load_seconds=part.load_seconds)


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> PartGrade:
    """What the grader has of a part that asks question by question."""
    folder = write_submission(tmp_path_factory.mktemp("slow"))
    take_time_for_each_call(folder, 0.25)
    faults.ask_one_by_one(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "PRELOADED", ())
        return graded(folder)


@pytest.mark.no_cover
def test_fault_is_real(one_by_one: PartGrade) -> None:
    """Asked one by one, the part is ended before it has answered, and no answer of it is left."""
    assert one_by_one.answers == ()
    assert one_by_one.error == "it was ended: still running after 1.6 s"


@pytest.mark.no_cover
def test_check_finds_it(one_by_one: PartGrade) -> None:
    """The finding names the time, the limit, and what to do."""
    outcome = judged(one_by_one)

    assert (outcome.status, outcome.slug) == ("failed", "answers-too-slow")
    assert "Expected load and answers within 0.8 s, but got 1." in outcome.message
    assert "ask in batches" in outcome.message
    assert outcome.evidence["limit"] == LIMIT


@pytest.mark.no_cover
def test_load_counts(package: Path) -> None:
    """All answers are there, each in time, and it is too late all the same."""
    faults.work_out_at_load(package, 0.8)
    part = graded(package)
    outcome = judged(part)

    assert part.answers == ANSWERS
    assert outcome.status == "failed"
    assert "for the load" in outcome.message
    assert "save what the load works out anew" in outcome.message


@pytest.mark.no_cover
def test_what_never_ends_is_ended(package: Path) -> None:
    """A load that hangs is ended, with all that it started, and found."""
    faults.never_end(package)
    outcome = judged(graded(package))

    assert outcome.status == "failed"
    assert float(str(outcome.evidence["seconds"])) > grading.PATIENCE * LIMIT


def test_healthy_twin_is_left_alone(package: Path) -> None:
    """The same model, asked once for all."""
    part = graded(package)

    assert (part.answers, part.error) == (ANSWERS, "")
    assert judged(part).status == "passed"
