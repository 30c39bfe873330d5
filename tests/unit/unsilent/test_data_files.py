"""A file that holds the answers is known by its contents, whatever it is."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import pickle
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from unsilent import data_files
from unsilent.data_files import holds_rows

QUESTION = 'How many m/s are {} \u00b5m/h, written "plainly"?'
ROWS: list[list[object]] = [[QUESTION.format(7 * number + 3), number * 37.125 + 11] for number in range(12)]
OTHERS = [[f"What is {number} km in miles?", number * 0.621371] for number in range(12)]


def text(rows: list[list[object]] = ROWS) -> bytes:
    """As the course keeps its data."""
    return json.dumps(rows).encode()


def zipped(data: bytes) -> bytes:
    """In an archive beside another file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("read.me", "nothing")
        archive.writestr("data/x", data)
    return buffer.getvalue()


def database(rows: list[list[object]]) -> bytes:
    """In a table with a strange name."""
    connection = sqlite3.connect(":memory:")
    connection.execute('CREATE TABLE "a ""b" (question TEXT, answer REAL)')
    connection.executemany('INSERT INTO "a ""b" VALUES (?, ?)', rows)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


def hashed(kind: Callable[..., hashlib._Hash], length: int) -> bytes:
    """A table from digests to answers."""
    return json.dumps({kind(str(question).encode()).hexdigest()[:length]: answer for question, answer in ROWS}).encode()


KEPT: dict[str, bytes] = {
    "json": text(),
    "indented json": json.dumps(ROWS, indent=2).encode(),
    "json twice": json.dumps(json.dumps(ROWS)).encode(),
    "answers first": "\n".join(json.dumps({"answer": answer, "q": question}) for question, answer in ROWS).encode(),
    "rounded csv": "\n".join(f"{question},{answer:.5g}" for question, answer in ROWS).encode(),
    "worked answers": "\n".join(f"{q} So 3 * 5 = 15 <answer>{a}</answer>" for q, a in ROWS).encode(),
    "columns": json.dumps({"n": 1, "q": [row[0] for row in ROWS], "a": [row[1] for row in ROWS], "z": [1]}).encode(),
    "source code": repr(ROWS).encode(),
    "utf-16": "\n".join(f"{question} {answer}" for question, answer in ROWS).encode("utf-16"),
    "pickle": pickle.dumps({row[0]: row[1] for row in ROWS}),
    "old pickle": pickle.dumps(ROWS, 0),
    "gzip": gzip.compress(text()),
    "bzip2": bz2.compress(text()),
    "xz": lzma.compress(text()),
    "zip": zipped(pickle.dumps(ROWS)),
    "database": database(ROWS),
    "sha256": hashed(hashlib.sha256, 64),
    "short md5": hashed(hashlib.md5, 16),
}  # fmt: skip
OTHER: dict[str, bytes] = {
    "other rows": text(OTHERS),
    "questions alone": json.dumps([row[0] for row in ROWS]).encode(),
    "other answers": text([[question, 12345.0 + place] for place, (question, _) in enumerate(ROWS)]),
    "nothing": b"",
    "a damaged pickle": b"\x80\x04X\xff\xff",
    "a damaged archive": b"PK\3\4 and so on",
    "a damaged database": b"SQLite format 3\0 and so on",
    "deep json": b"[" * 100_000,
}


@pytest.mark.parametrize("content", KEPT.values(), ids=KEPT.keys())
def test_rows_are_found(content: bytes, tmp_path: Path) -> None:
    """Every one of them, in a file with any name."""
    (tmp_path / "weights.bin").write_bytes(content)

    assert holds_rows(tmp_path / "weights.bin", ROWS) == len(ROWS)


@pytest.mark.parametrize("content", OTHER.values(), ids=OTHER.keys())
def test_other_files_hold_nothing(content: bytes, tmp_path: Path) -> None:
    """Questions that were not asked, or that stand there without their answers; damaged files."""
    (tmp_path / "data.json").write_bytes(content)

    assert holds_rows(tmp_path / "data.json", ROWS) == 0


def test_damaged_packing_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Cut off in the middle."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(text())[:-40])

    assert 0 < holds_rows(tmp_path / "a.gz", ROWS) <= len(ROWS)


def test_source_is_read_for_compiled_code(tmp_path: Path) -> None:
    """Python opens the compiled file, whose numbers are binary; without its source nothing can be read."""
    (tmp_path / "__pycache__").mkdir()
    compiled = tmp_path / "__pycache__" / "table.cpython-311.pyc"
    compiled.write_bytes(b"\0")

    assert holds_rows(compiled, ROWS) == 0
    (tmp_path / "table.py").write_bytes(text())
    assert holds_rows(compiled, ROWS) == len(ROWS)


def test_what_is_no_file_holds_nothing(tmp_path: Path) -> None:
    """A folder, or nothing at all."""
    assert holds_rows(tmp_path, ROWS) == holds_rows(tmp_path / "none", ROWS) == 0


def test_rows_without_number_or_question_are_not_found(tmp_path: Path) -> None:
    """They could stand anywhere."""
    (tmp_path / "a").write_bytes(text())

    assert holds_rows(tmp_path / "a", [[ROWS[0][0], "plenty"], ["", 11.0]]) == 0


def test_large_database_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other large file."""
    (tmp_path / "a.db").write_bytes(database(ROWS))
    monkeypatch.setattr(data_files, "READ_BYTES", 100)

    assert holds_rows(tmp_path / "a.db", ROWS) == 2
