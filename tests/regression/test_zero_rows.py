"""A file without a row is found, with the reasons why every sample was rejected.

The sampler rejected everything and wrote what was left: a valid file, no error, no word. Training on it is what fails,
or does not.
"""

from __future__ import annotations

import json
from pathlib import Path

import faults
import pytest
import support

from homework.configuration import SamplingConfig
from homework.datagen import sample_rows
from unsilent.evaluation import check_answers
from unsilent.outcome import FailureFound, fold_symptoms
from unsilent.reasoning import check_dirty_rows, check_zero_rows, complaint_about

pytestmark = [pytest.mark.regression, pytest.mark.failure("zero-rows")]

UNTAGGED = faults.leave_out_tags(support.REASONED_ROWS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the generator writes, having accepted nothing."""
    faults.write_whatever_is_left(tmp_path / "rft.json", UNTAGGED, lambda row: not complaint_about(row[2], row[1]))
    return tmp_path / "rft.json"


def test_fault_is_real(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A valid file of rows, in which nothing is wrong with any row, and not a word."""
    assert json.loads(path.read_text()) == []
    assert capsys.readouterr() == ("", "")
    assert check_dirty_rows(json.loads(path.read_text())).status == "skipped"


def test_check_finds_it(path: Path) -> None:
    """The finding names the file."""
    outcome = check_zero_rows(path)

    assert (outcome.status, outcome.slug) == ("failed", "zero-rows")
    assert "got none; no count of rejected samples came with it. Where: " + str(path) in outcome.message
    assert outcome.evidence == {"rows": 0, "rejects": {}}


def test_check_finds_empty_lines(tmp_path: Path) -> None:
    """JSON lines without a row."""
    faults.open_lines_and_fill_later(tmp_path / "rft.jsonl")

    assert check_zero_rows(tmp_path / "rft.jsonl").status == "failed"


def test_rejects_are_named() -> None:
    """Who writes the rows knows why there are none."""
    outcome = check_zero_rows([], {"no tag": 2, "another answer": 38})

    assert "of 40 samples every one was rejected: another answer 38, no tag 2" in outcome.message
    assert outcome.evidence["rejects"] == {"no tag": 2, "another answer": 38}


def test_our_sampler_writes_no_empty_file(
    reasoning_home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to sample from a model that knows nothing, it counts why, and leaves no file."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    with pytest.raises(FailureFound, match="of 7 samples every one was rejected: no tag 7"):
        sample_rows(reasoning_home / "rft.json", SamplingConfig(oversample=1))

    assert not (reasoning_home / "rft.json").exists()


def test_cause_comes_first() -> None:
    """Where the model writes no number at all, the missing rows are its symptom."""
    found = fold_symptoms([check_zero_rows([]), check_answers([float("nan")] * 20)])

    assert [(one.slug, one.symptoms) for one in found] == [("no-numeric-answers", ("zero-rows",))]


def test_healthy_twin_is_left_alone(tmp_path: Path) -> None:
    """One accepted row is enough."""
    faults.write_whatever_is_left(tmp_path / "rft.json", support.REASONED_ROWS, lambda row: row[1] == 96)

    assert check_zero_rows(tmp_path / "rft.json", {"no tag": 2}).status == "passed"
