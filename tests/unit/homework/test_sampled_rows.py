"""What should not be learnt is refused before training: each kind with its reason, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import support

from homework import datagen
from homework.configuration import SamplingConfig
from homework.data import Dataset, Row
from homework.errors import RowsUnusable
from homework.journal import journal_of
from homework.sampled_rows import go_on_command, read_sampled
from homework.samplers import sampler
from unsilent.outcome import FailureFound
from unsilent.provenance import sidecar_of


@pytest.fixture
def sampled(reasoning_home: Path) -> Path:
    """``data/rft.json`` with its record, sampled a moment ago."""
    path = reasoning_home / "data" / "rft.json"
    datagen.sample_rows(path, SamplingConfig(oversample=4, temperature=0.8))
    return path


def read(path: Path) -> list[Row]:
    """Read the rows as training does."""
    return read_sampled(str(path), Dataset("train").rows, sampler)


def test_sampled_rows_are_taken(sampled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five rows, each of which can be drawn again."""
    assert len(read(sampled)) == 5
    assert "origin:      5 rows were drawn again, each as recorded" in capsys.readouterr().out


def test_empty_rows_are_refused(sampled: Path) -> None:
    """An empty file is not trained on."""
    sampled.write_text("[]")
    with pytest.raises(RowsUnusable, match=r"an empty list.*python -m homework\.datagen"):
        read(sampled)


def test_stale_rows_are_refused(sampled: Path) -> None:
    """Rows of questions that train no longer holds, or that have another answer there."""
    train = sampled.with_name("train.json")
    rows = json.loads(train.read_text())
    rows[0][1] *= 2
    train.write_text(json.dumps(rows))
    with pytest.raises(RowsUnusable, match=r"1 of 5 for others, such as 'How many cm are in 3 m\?': they are stale"):
        read(sampled)


def test_unfinished_rows_are_refused(sampled: Path) -> None:
    """A journal beside the rows says that sampling was killed in a later round."""
    journal_of(sampled).write_text("{}\n")
    with pytest.raises(RowsUnusable, match="an unfinished journal beside them"):
        read(sampled)


def test_dirty_rows_are_refused(sampled: Path) -> None:
    """Rows with chat debris, though nothing says where they come from."""
    sidecar_of(sampled).unlink()
    sampled.write_text(json.dumps([[*support.FIVE_ROWS[0], "<|im_start|>assistant\n<answer>300</answer>"]]))
    with pytest.raises(FailureFound, match=r"\[dirty-rows\]"):
        read(sampled)


def test_edited_row_is_refused(sampled: Path) -> None:
    """Reasoning that is as right as the sampled one, and was not sampled."""
    rows = json.loads(sampled.read_text())
    rows[1][2] = "2 kg is 2 * 1000 = <answer>2000</answer>"
    sampled.write_text(json.dumps(rows))
    with pytest.raises(FailureFound, match=r"\[fabricated-reasoning\].*row 1"):
        read(sampled)


def test_unreadable_record_is_refused(sampled: Path) -> None:
    """Half a record is no record."""
    sidecar_of(sampled).write_text("{")
    with pytest.raises(RowsUnusable, match="a readable record beside the rows"):
        read(sampled)


def test_unproven_rows_are_taken_only_if_asked(sampled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a record nothing says who wrote the reasoning; that it was learnt all the same is printed."""
    sidecar_of(sampled).unlink()
    with pytest.raises(RowsUnusable, match="or train on them as they are: --unproven"):
        read(sampled)

    assert len(read_sampled(str(sampled), Dataset("train").rows, unproven=True)) == 5
    assert "origin:      nothing says where the reasoning comes from" in capsys.readouterr().out


def test_command_that_goes_on_has_the_options_of_the_job(sampled: Path) -> None:
    """Those that are not the defaults; a journal that cannot be read gives the command that begins."""
    settings = {**SamplingConfig(oversample=3, dev=True).identity(), "questions": 5}
    journal_of(sampled).write_text(json.dumps(settings) + "\n")

    assert go_on_command(sampled) == "python -m homework.datagen data/rft.json --oversample 3 --dev"
    assert go_on_command(Path("/elsewhere/rft.json")) == "python -m homework.datagen /elsewhere/rft.json"
    journal_of(sampled).write_text("{")
    assert go_on_command(sampled) == "python -m homework.datagen data/rft.json --overwrite"
