"""The record of where rows come from: what is written is read again, and what is broken is named."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent import provenance
from unsilent.provenance import (
    Draw,
    ProvenanceUnusable,
    Round,
    covers,
    make_provenance,
    provenance_bytes,
    read_provenance,
    row_hash,
    sidecar_of,
    text_hash,
    uniform,
)

MODEL = {"base": "tiny", "config_sha256": "c", "dtype": "bf16", "adapter": None}
ROUND = Round(1, 42, 0.7, 8, 80, MODEL, "CoTModel")
DRAW = Draw(1, 3, "p" * 64, "t" * 64, (5, 6))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record of one row."""
    record = make_provenance(b"[]", [ROUND], [DRAW], versions={"torch": "2"})
    (tmp_path / "rft.provenance.json").write_bytes(provenance_bytes(record))
    return tmp_path / "rft.provenance.json"


@given(st.integers(), st.text(max_size=8), st.integers(0, 9), st.integers(0, 999))
def test_number_is_the_head_of_a_hash(seed: int, prompt: str, sample: int, position: int) -> None:
    """The first 53 bits of the sha256 of all four, so that anybody can compute it."""
    digest = hashlib.sha256(f"{seed}:{prompt}:{sample}:{position}".encode()).hexdigest()
    bits = f"{int(digest, 16):0256b}"[:53]

    assert uniform(seed, prompt, sample, position) == int(bits, 2) / 2**53 < 1


def test_numbers_are_spread_evenly() -> None:
    """A thousand of them have the mean and the spread of a uniform distribution."""
    numbers = [uniform(0, "p", 0, position) for position in range(1000)]

    assert sum(numbers) / 1000 == pytest.approx(0.5, abs=0.03)
    assert [sum(n // 0.25 == quarter for n in numbers) for quarter in range(4)] == pytest.approx([250] * 4, abs=45)


def test_half_a_surrogate_pair_has_a_hash() -> None:
    """JSON can hold one."""
    assert text_hash("\ud800") != text_hash("")


def test_sidecar_lies_beside_its_rows() -> None:
    """Under their name."""
    assert sidecar_of("data/rft.json") == Path("data/rft.provenance.json")


def test_record_is_read_as_it_was_written(path: Path) -> None:
    """Every field, in the shape that others rely on."""
    record = read_provenance(path)
    content = json.loads(path.read_text())

    assert record is not None
    assert (record.rounds, record.draws, record.versions) == ((ROUND,), (DRAW,), {"torch": "2"})
    assert content == record.as_json()
    assert content["rows"] == [
        {"round": 1, "sample": 3, "prompt_sha256": "p" * 64, "text_sha256": "t" * 64, "tokens": [5, 6]}
    ]


def test_hash_of_a_row_may_be_there(path: Path) -> None:
    """Older records have none."""
    record = make_provenance(b"[]", [ROUND], [DRAW, replace(DRAW, row_sha256="r")], versions={})
    path.write_bytes(provenance_bytes(record))

    assert read_provenance(path) == record
    assert ["row_sha256" in row for row in json.loads(path.read_text())["rows"]] == [False, True]


def test_hash_of_a_row_is_that_of_its_json() -> None:
    """In the smallest form, the answer as a float, so that anybody can compute it."""
    assert row_hash("q\u00e9", 6000, "r") == text_hash('["q\\u00e9",6000.0,"r"]') == row_hash("q\u00e9", 6000.0, "r")
    assert len({row_hash("q", answer, "r") for answer in (1, 2, "1", None, True, float("nan"))}) == 6
    assert row_hash(*json.loads('["q", 0.1, "r"]')) == row_hash("q", 0.1, "r")


def test_record_knows_its_file(path: Path) -> None:
    """By its bytes, whatever git did to the ends of lines."""
    record = read_provenance(path)
    lines = make_provenance(b"[\n]", [], [], versions={})

    assert record is not None
    assert covers(record, b"[]")
    assert not covers(record, b"[1]")
    assert covers(lines, b"[\r\n]")


def test_no_record_is_none(tmp_path: Path) -> None:
    """Nothing is made up in its place."""
    assert read_provenance(tmp_path / "rft.provenance.json") is None


BROKEN: list[tuple[str, Any, str]] = [
    ("schema_version", 2, "one of schema 2"),
    ("rounds", {}, r"the record\.rounds is \{\}"),
    ("rounds", [7], r"rounds\[0\]\.round is None"),
    ("rounds", [ROUND.as_json()] * 2, "two rounds have the same number"),
    ("rounds", [ROUND.as_json() | {"temperature": -1}], r"rounds\[0\]\.temperature is -1"),
    ("rounds", [ROUND.as_json() | {"temperature": 10**400}], r"rounds\[0\]\.temperature is 1000"),
    ("rounds", [ROUND.as_json() | {"temperature": 1e-320}], r"rounds\[0\]\.temperature is 1e-320"),
    ("rounds", [ROUND.as_json() | {"temperature": "hot"}], r"rounds\[0\]\.temperature is 'hot'"),
    ("rounds", [ROUND.as_json() | {"temperature": True}], r"rounds\[0\]\.temperature is True"),
    ("rounds", [ROUND.as_json() | {"seed": True}], r"rounds\[0\]\.seed is True"),
    ("rounds", [ROUND.as_json() | {"oversample": 0}], r"rounds\[0\]\.oversample is 0"),
    ("rounds", [ROUND.as_json() | {"model": {}}], r"round 1\.model\.base is None"),
    ("rounds", [ROUND.as_json() | {"model": MODEL | {"base": ""}}], r"round 1\.model\.base is ''"),
    ("rounds", [ROUND.as_json() | {"model": MODEL | {"dtype": "bf16-ish"}}], r"model\.dtype is 'bf16-ish'"),
    ("rounds", [ROUND.as_json() | {"model": MODEL | {"dtype": []}}], r"model\.dtype is \[\]"),
    ("rounds", [ROUND.as_json() | {"model": MODEL | {"adapter": {}}}], r"model\.adapter is \{\}"),
    ("rows", [DRAW.as_json() | {"row_sha256": 7}], r"rows\[0\]\.row_sha256 is 7"),
    ("rows", [DRAW.as_json() | {"sample": True}], r"rows\[0\]\.sample is True"),
    ("rows", [DRAW.as_json() | {"tokens": [1, -1]}], r"rows\[0\]\.tokens is \[1, -1\]"),
]


@pytest.mark.parametrize(("name", "value", "complaint"), BROKEN, ids=[complaint for *_, complaint in BROKEN])
def test_broken_field_is_named(path: Path, name: str, value: object, complaint: str) -> None:
    """With its place and what stands there."""
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))

    with pytest.raises(ProvenanceUnusable, match=complaint):
        read_provenance(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"{", "no JSON"), (b"[" * 100_000, "no JSON"), (b"[]", "schema None"), (b"\xff", "no JSON")],
    ids=["cut off", "too deep", "a list", "no text"],
)
def test_what_is_no_record_is_refused(path: Path, content: bytes, complaint: str) -> None:
    """With what it is."""
    path.write_bytes(content)

    with pytest.raises(ProvenanceUnusable, match=complaint):
        read_provenance(path)


def test_what_cannot_be_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, and a file beyond the limit."""
    with pytest.raises(ProvenanceUnusable, match="is no plain file"):
        read_provenance(path.parent)
    monkeypatch.setattr(provenance, "LARGEST", 10)
    with pytest.raises(ProvenanceUnusable, match="a file of more than 0 MB"):
        read_provenance(path)


def test_nothing_heavy_is_imported() -> None:
    """Who samples rows, or compares hashes, needs no torch for it."""
    code = "import sys, unsilent.row_files, unsilent.provenance; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
