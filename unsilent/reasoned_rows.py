"""Rows with reasoning, whoever wrote the file: ``[question, answer, reasoning]`` or objects with these names.

A JSON list of rows, or JSON lines. Nothing in a row is trusted: what is no row, or lacks something, is kept with a word
for it, so that a check can name it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .plain_files import NotPlain, open_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST = 200_000_000  # bytes; a row takes a few hundred
NAMES = ("question", "answer", "reasoning")
# Rows of a file that are drawn again, at half a second each on one core. Where every row is made up, one would do;
# where one in ten is, 8 find it in 57 of 100 files, 30 in 96.
REDRAWN = 8


class RowsUnreadable(Exception):
    """A file of rows that cannot be read; the message says why."""

    def __init__(self, path: Path, got: str) -> None:
        super().__init__(
            f"Expected a JSON list of [question, answer, reasoning] rows, or JSON lines, but got {got}. Where: {path}. "
            "What to do: name the file of rows, or write it again."
        )


@dataclass(frozen=True, slots=True)
class ReasonedRow:
    """One row as it was found.

    Attributes:
        index: Its place in the file, from 0.
        question: None where there is none.
        answer: Whatever stands there.
        reasoning: None where there is no such column.
        is_row: Whether it is a list or an object at all.
    """

    index: int
    question: Any = None
    answer: Any = None
    reasoning: Any = None
    is_row: bool = True


def as_rows(rows: Sequence[Any]) -> list[ReasonedRow]:
    """Take rows of any shape; further columns are left alone."""
    return [_as_row(index, row) for index, row in enumerate(rows)]


def _as_row(index: int, row: object) -> ReasonedRow:
    if isinstance(row, dict):
        return ReasonedRow(index, row.get("question"), row.get("answer"), row.get("reasoning"))
    if isinstance(row, list | tuple):
        return ReasonedRow(index, *row[: len(NAMES)])
    return ReasonedRow(index, is_row=False)


def read_rows(path: str | Path) -> list[Any]:
    """Read a file of rows; an empty one, ``{}`` and ``null`` hold none.

    Raises:
        RowsUnreadable: No plain file, too large, or neither a JSON list nor JSON lines.
    """
    return parse_rows(read_bytes(path), path)


def read_bytes(path: str | Path) -> bytes:
    """Read a whole file.

    Raises:
        RowsUnreadable: No plain file, or too large.
    """
    path = Path(path)
    try:
        with open_plain(path) as file:
            data = file.read(LARGEST + 1)
    except (NotPlain, OSError) as error:
        raise RowsUnreadable(path, str(error)) from error
    if len(data) > LARGEST:
        raise RowsUnreadable(path, f"a file of more than {LARGEST / 1e6:.0f} MB")
    return data


def parse_rows(data: bytes, path: str | Path) -> list[Any]:
    """Read rows from bytes; ``path`` is for messages.

    Raises:
        RowsUnreadable: Neither a JSON list nor JSON lines.
    """
    path = Path(path)
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise RowsUnreadable(path, f"bytes that are no UTF-8 ({error})") from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _read_lines(text, path, error)
    if isinstance(content, list):
        return content
    if isinstance(content, dict) and content.keys() & set(NAMES):
        return [content]  # JSON lines with one line
    if content:
        raise RowsUnreadable(path, f"a JSON {type(content).__name__} without {', '.join(NAMES)}")
    return []


def _read_lines(text: str, path: Path, error: Exception) -> list[Any]:
    """Read JSON lines; where the first line is none, the file is broken JSON, which ``error`` describes."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):  # other line breaks, such as U+2028, may stand in a text
        try:
            rows += [json.loads(line)] if line.strip() else []
        except (ValueError, RecursionError) as broken:
            got = f"broken JSON ({error})" if not rows else f"line {number}, which is no JSON ({broken})"
            raise RowsUnreadable(path, got) from broken
    return rows
