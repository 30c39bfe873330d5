"""The questions made from the unit algebra are the committed data sets."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homework import conversion_utils as cu
from homework import units
from homework.errors import OutputRefused

ROOT = Path(__file__).parents[3]


def test_wordings_are_many_and_complete() -> None:
    """At least 20 different wordings, each naming amount and both units once."""
    assert len(set(cu.WORDINGS)) >= 20
    assert all(wording.count(slot) == 1 for wording in cu.WORDINGS for slot in ("{n}", "{a}", "{b}"))


def test_splits_are_the_committed_files(tmp_path: Path) -> None:
    """The generator writes the committed files again, byte for byte."""
    for path in cu.write_splits(tmp_path):
        assert path.read_bytes() == (ROOT / "data" / path.name).read_bytes()


def test_splits_keep_their_promises() -> None:
    """1000 rows each, no text twice or shared, answers in range and right, some pairs of units in valid alone."""
    train, valid = cu.make_splits()
    texts = [question.text for question in train + valid]

    def pairs(questions: list[cu.Question]) -> set[tuple[units.Unit, units.Unit]]:
        return {units.resolve(q.source, q.target) for q in questions}

    assert (len(train), len(valid), len(set(texts))) == (1000, 1000, 2000)
    assert all(q.answer == units.convert(q.n, q.source, q.target) for q in train + valid)
    assert all(0.125 <= q.row[1] <= 80_000 and 1 <= q.n <= 10 for q in train + valid)
    assert {q.wording for q in train} == set(cu.WORDINGS)
    assert {q.family for q in train} == set(units.FAMILIES)
    assert len(pairs(valid) - pairs(train)) >= 10


@pytest.mark.no_cover
@given(st.integers(0, 2**32))
def test_ask_is_deterministic(seed: int) -> None:
    """The same seed asks the same questions."""

    def first(count: int) -> list[cu.Question]:
        return list(itertools.islice(cu.ask(random.Random(seed), pairs=cu.unit_pairs()), count))

    assert first(5) == first(5)


def test_output_below_a_file_is_refused(tmp_path: Path) -> None:
    """A folder that cannot be made is an error with the way out."""
    (tmp_path / "file").touch()

    with pytest.raises(OutputRefused, match="choose another --output_dir"):
        cu.write_splits(tmp_path / "file")


def test_command_writes_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes train.json and valid.json and prints where."""
    monkeypatch.setattr("sys.argv", ["conversion_utils", "--output-dir", str(tmp_path / "new")])
    with pytest.raises(SystemExit) as ended:
        cu.main()

    assert ended.value.code == 0
    assert len(json.loads((tmp_path / "new" / "valid.json").read_text())) == 1000
    assert str(tmp_path / "new" / "train.json") in capsys.readouterr().out
