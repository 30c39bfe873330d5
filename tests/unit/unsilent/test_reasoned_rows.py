"""Rows are read whoever wrote the file, and what cannot be read is said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unsilent import reasoned_rows
from unsilent.reasoned_rows import ReasonedRow, RowsUnreadable, as_rows, read_rows

ROW = ["q", 1.0, "r"]
OBJECT = {"question": "q", "answer": 1.0, "reasoning": "r", "source": "x"}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (json.dumps([ROW, ROW]), [ROW, ROW]),
        (json.dumps([OBJECT], indent=1), [OBJECT]),
        (f"{json.dumps(ROW)}\n\n{json.dumps(OBJECT)}\n", [ROW, OBJECT]),
        (json.dumps(OBJECT), [OBJECT]),
        ('["q\u2028\x85", 1]\r\n["r", 2]\r\n', [["q\u2028\x85", 1], ["r", 2]]),
        ("\ufeff" + json.dumps([ROW]), [ROW]),
        ("", []),
        (" \n\n", []),
        ("{}", []),
        ("null", []),
        ("[]", []),
    ],
    ids=[
        "a list",
        "objects",
        "lines",
        "one line",
        "other line breaks",
        "byte order mark",
        "empty",
        "blank",
        "{}",
        "null",
        "[]",
    ],
)
def test_file_of_rows_is_read(tmp_path: Path, text: str, rows: list[object]) -> None:
    """As JSON or JSON lines; a file without a row is no error here."""
    (tmp_path / "rows.json").write_text(text, encoding="utf-8", newline="")

    assert read_rows(tmp_path / "rows.json") == rows


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"[[1, 2", "broken JSON"),
        (b'["q", 1]\n["q', r"line 2, which is no JSON"),
        (b'{"rows": []}', "a JSON dict without question, answer, reasoning"),
        (b"7", "a JSON int"),
        (b"\xff\xfe", "no UTF-8"),
        (b"[" * 100_000, "broken JSON"),
    ],
    ids=["cut off", "last line cut off", "another object", "a number", "no text", "too deep"],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, complaint: str) -> None:
    """With what they hold."""
    (tmp_path / "rows.json").write_bytes(data)

    with pytest.raises(RowsUnreadable, match=complaint):
        read_rows(tmp_path / "rows.json")


def test_what_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a folder, and one beyond the limit."""
    with pytest.raises(RowsUnreadable, match=r"rows\.json cannot be opened"):
        read_rows(tmp_path / "rows.json")
    with pytest.raises(RowsUnreadable, match="no plain file"):
        read_rows(tmp_path)
    monkeypatch.setattr(reasoned_rows, "LARGEST", 3)
    (tmp_path / "rows.json").write_text("[[]]")
    with pytest.raises(RowsUnreadable, match="more than 0 MB"):
        read_rows(tmp_path / "rows.json")


def test_rows_of_any_shape_are_taken() -> None:
    """Lists by place, objects by name; what is missing is None, what is more is left alone."""
    assert as_rows([ROW, [*ROW, "more"], OBJECT, ["q"], {}, 7]) == [
        ReasonedRow(0, "q", 1.0, "r"),
        ReasonedRow(1, "q", 1.0, "r"),
        ReasonedRow(2, "q", 1.0, "r"),
        ReasonedRow(3, "q"),
        ReasonedRow(4),
        ReasonedRow(5, is_row=False),
    ]
