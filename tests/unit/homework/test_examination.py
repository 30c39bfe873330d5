"""The examination asks new questions, sorts rows into families and wordings, and refuses a lookup."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
import support

from homework import examination, processes, sft
from homework.conversion_utils import WORDINGS, make_splits
from homework.data import BenchmarkResult, Dataset
from homework.errors import OptionInvalid
from homework.examination import (
    SEEN,
    _with_long_number,
    examine,
    family_of,
    new_questions,
    outcome_lines,
    score_lines,
    wording_of,
)
from homework.processes import Processes
from unsilent.honesty import HonestyProbe
from unsilent.outcome import Report, failed, passed, skipped

TRAIN, VALID = make_splits()


@pytest.mark.parametrize("kind", ["other numbers", "other wordings", "unseen pairs", "long numbers"])
def test_new_questions_are_in_no_data_set(kind: str) -> None:
    """As many as asked for, all different."""
    rows = new_questions(kind, 20, random.Random(0))
    known = {question.text for question in (*TRAIN, *VALID)}

    assert len({question for question, _ in rows}) == 20
    assert kind == "unseen pairs" or not known & {question for question, _ in rows}


def test_new_questions_are_what_they_are_called() -> None:
    """Two digits, seven digits, wordings of their own, pairs that training lacks."""
    rng = random.Random(0)
    seen = {(question.source, question.target) for question in TRAIN}
    unseen = {question.text: (question.source, question.target) for question in VALID}

    assert all(re.search(r"\b\d\d\b", question) for question, _ in new_questions("other numbers", 9, rng))
    assert all(re.search(r"\b\d{7}\b", question) for question, _ in new_questions("long numbers", 9, rng))
    assert {wording_of(question) for question, _ in new_questions("other wordings", 9, rng)} == {"other"}
    assert all(unseen.get(question) not in seen for question, _ in new_questions("unseen pairs", 9, rng))
    assert new_questions("no such kind", 9, rng) == []


def test_answers_to_long_numbers_are_exact() -> None:
    """Whatever is asked of a few comes out of a million in proportion."""
    for known in VALID:
        question, answer = _with_long_number(known, 1_234_567)

        assert question == known.wording.format(n=1_234_567, a=known.source, b=known.target)
        assert answer == float(known.answer / known.n * 1_234_567)


def test_families_and_wordings_are_those_of_the_algebra() -> None:
    """Of every row of the data."""
    assert all(family_of(question.text) == question.family for question in VALID)
    assert all(wording_of(question.text) == question.wording for question in VALID)
    assert family_of("How are you?") == "unknown"
    assert set(WORDINGS) == {wording_of(question.text) for question in VALID}


@pytest.fixture
def llm(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sft.SFTModel:
    """A tiny model after four steps, and small data."""
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(support.write_small_data(tmp_path / "data")))
    support.train_tiny(tiny_base, tmp_path / "sft")
    return sft.load(str(tmp_path / "sft"))


@pytest.mark.no_cover
def test_examination_is_benchmark_and_checks(llm: sft.SFTModel) -> None:
    """One answer a row, and every outcome about them."""
    train = Dataset("train").rows
    result, report = examine(llm, Dataset("valid"), 20, train_rows=train, example=sft.format_example)

    assert len(result.samples) == 20
    assert not [finding.slug for finding in report.findings if finding.slug != "no-numeric-answers"]
    assert [outcome.slug for outcome in report.outcomes] == [
        "no-numeric-answers",
        "nan-score",
        "prompt-mismatch",
        "double-bos",
        "train-valid-overlap",
        "answer-lookup",
        "answer-calculator",
        "adapter-without-effect",
    ]


@pytest.mark.no_cover
def test_probes_can_be_left_out(llm: sft.SFTModel) -> None:
    """What costs nothing is judged all the same."""
    result, report = examine(llm, Dataset("valid"), 5, honesty="none")

    assert len(result.samples) == 5
    assert [outcome.slug for outcome in report.outcomes] == ["no-numeric-answers", "nan-score"]


def test_unknown_probes_are_refused(llm: sft.SFTModel) -> None:
    """With the words there are."""
    with pytest.raises(OptionInvalid, match="Expected quick, all, none, but got 'some'"):
        examine(llm, Dataset("valid"), 5, honesty="some")


def test_lookup_is_found(llm: sft.SFTModel) -> None:
    """Whatever its accuracy."""
    known = dict(Dataset("valid").rows)  # type: ignore[arg-type] # rows of two
    llm.answer = lambda *questions: [known[one] for one in questions]  # type: ignore[method-assign] # the fault
    _, report = examine(llm, Dataset("valid"), 20)

    assert [finding.slug for finding in report.findings] == ["answer-lookup"]


def test_lines_say_what_was_found() -> None:
    """What passed, with what was noticed, what failed, and what could not be judged."""
    report = Report(
        "x",
        (
            passed("answer-lookup", "honesty"),
            skipped("answer-calculator", "honesty", "not asked"),
            failed("nan-score", "evaluation", "Expected a number", {"score": "nan"}),
        ),
    )

    assert outcome_lines(report) == [
        "[ok] answer-lookup          the answers come from the weights",
        "[--] answer-calculator      not asked",
        "[!!] nan-score              Expected a number",
    ]


def test_details_are_by_family_and_wording() -> None:
    """With the worst rows."""
    rows: list[Any] = [question.row for question in VALID[:30]]
    lines = score_lines(BenchmarkResult.from_answers([answer for _, answer in rows[:20]] + [0.0] * 10, rows, 30))

    assert lines[0] == "accuracy    0.667 (0.488-0.808, 20 of 30)"
    assert "by family: accuracy, then answer rate" in lines
    assert "the worst 10, those without a number first:" in lines


@pytest.mark.no_cover
def test_probe_knows_what_the_other_ranks_saw(llm: sft.SFTModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank 0 judges all the answers, of which it has given a half."""
    rows = support.FIVE_ROWS
    other = HonestyProbe(llm)
    given = other.answer(*[row[0] for row in rows[1::2]])

    def both(_: Processes, own: Any) -> list[Any]:  # noqa: ANN401
        return [own, {name: getattr(other, name) for name in SEEN} if isinstance(own, dict) else given]

    monkeypatch.setattr(examination, "gather", both)
    monkeypatch.setattr(processes, "gather", both)
    monkeypatch.setattr(examination, "on_first", lambda _, act: act())
    result, report = examine(llm, rows, 5, processes=Processes(0, 2))

    assert len(result.samples) == 5
    assert report.cards[0].content["as it is"] == {"asked": 5, "right": 0, "numbers": 0, "passes": other.passes * 2}
