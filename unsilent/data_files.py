"""Whether a file holds the answers to the questions that were asked.

A data set is recognised by its contents, the questions that were asked, each with its answer, whatever the file is
called. Nothing in a file is executed.

Not recognised: parquet, numpy and tensor files, encrypted ones, answers that stand far from their questions other than
as columns of JSON. By chance a small whole number stands beside its question where only questions are kept, so a few
rows prove nothing.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import math
import pickletools
import re
import sqlite3
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .said_numbers import shown_numbers
from .touched import unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

READ_BYTES = 2**25  # of one file, unpacked: 32 MB; a data set of 100,000 questions takes 10
AFTER, BEFORE = 300, 80  # characters around a question in which its answer may stand: a worked answer takes 200
STORED = 1e-3  # relative; data sets keep three digits or more
DIGEST = 12  # hexadecimal digits by which a hashed question is known; tables often keep no more


def holds_rows(path: str | Path, rows: Sequence[Sequence[Any]]) -> int:
    """Count the rows whose question stands in a file together with its answer.

    Text of any kind (JSON, CSV, source code), pickles and SQLite, also packed by gzip, bzip2, xz or zip; questions also
    as MD5, SHA-1 or SHA-256 digests. Of large files the first 32 MB are read.

    Args:
        path: Any file; one that cannot be read holds nothing.
        rows: ``[question, answer, ...]`` that were asked.
    """
    found: set[int] = set()
    with unwatched(), contextlib.suppress(Exception):  # unreadable, or damaged in a way that nobody has thought of
        for text in _texts(Path(path)):
            found |= _rows_in(_spaced(text), rows)
    return len(found)


def _rows_in(text: str, rows: Sequence[Sequence[Any]]) -> set[int]:
    """Numbers of the rows whose answer stands near their question."""
    digests = {word[:DIGEST]: place for word, place in _digests_in(text)}
    places: list[tuple[int, int, int]] = []  # begin, end, row
    for number, row in enumerate(rows):
        question = _spaced(str(row[0]))
        places += [(found.start(), found.end(), number) for found in re.finditer(re.escape(question), text) if question]
        for digest in _digests_of(str(row[0])) & digests.keys():
            places.append((*digests[digest], number))
    places.sort()
    found_rows = set()
    for at, (begin, end, number) in enumerate(places):
        following = next(
            (places[other][0] for other in range(at + 1, len(places)) if places[other][0] >= end), len(text)
        )
        before = next((places[other][1] for other in range(at - 1, -1, -1) if places[other][1] <= begin), 0)
        near = [text[end : min(following, end + AFTER)], text[max(before, begin - BEFORE) : begin]]
        with contextlib.suppress(TypeError, ValueError):  # a row without a number for its answer
            answer = float(rows[number][1])
            if any(math.isclose(shown, answer, rel_tol=STORED) for part in near for shown in shown_numbers(part)):
                found_rows.add(number)
    return found_rows


def _spaced(text: str) -> str:
    """A text in lower case with single spaces, its JSON escapes resolved."""
    for _ in range(2 if "\\" in text else 0):  # JSON within JSON
        text = re.sub(r"\\(?:u([0-9a-fA-F]{4})|([\"'/\\ntr]))", _unescaped, text)
    return " ".join(text.lower().split())


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else " " if found[2] in "ntr" else found[2]


def _digests_in(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Hexadecimal words and where they stand."""
    return ((found.group(), found.span()) for found in re.finditer(rf"\b[0-9a-f]{{{DIGEST},}}\b", text))


def _digests_of(question: str) -> set[str]:
    """Beginnings of the digests under which a table may keep a question."""
    forms = {question, question.strip(), question.lower(), _spaced(question), "".join(question.lower().split())}
    kinds = (hashlib.md5, hashlib.sha1, hashlib.sha256)
    return {kind(form.encode(), usedforsecurity=False).hexdigest()[:DIGEST] for form in forms for kind in kinds}


def _texts(path: Path) -> Iterator[str]:
    """Everything in a file that can be read as text."""
    if not path.is_file():  # a pipe would be waited for
        return
    if path.suffix == ".pyc" and (source := path.parent.parent / f"{path.name.partition('.')[0]}.py").is_file():
        path = source
    with path.open("rb") as file:
        data = file.read(READ_BYTES)
    if data.startswith(b"SQLite format 3\0"):
        yield _database_text(path)
    else:
        yield from _unpacked(data)


_PACKED: Mapping[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}


def _unpacked(data: bytes) -> Iterator[str]:
    """Texts in bytes, through one layer of packing."""
    for magic, opened in _PACKED.items():
        if data.startswith(magic):
            data = b"".join(_pieces(opened(io.BytesIO(data))))
            break
    if data.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    yield from _readings(member.read(READ_BYTES))
        return
    yield from _readings(data)


def _pieces(file: Any) -> Iterator[bytes]:  # noqa: ANN401 - of three libraries
    """What can be unpacked, up to where a file is cut off or damaged."""
    with contextlib.suppress(Exception):
        for _ in range(READ_BYTES // io.DEFAULT_BUFFER_SIZE):
            yield file.read1(io.DEFAULT_BUFFER_SIZE)


def _readings(data: bytes) -> Iterator[str]:
    """What bytes say as text, as columns of JSON, and as a pickle."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = data.decode(encoding, errors="replace")
    yield text
    with contextlib.suppress(ValueError, RecursionError):
        yield "\n".join(_columns(json.loads(text)))
    yield " ; ".join(_pickled(data))


def _columns(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Lists of one length beside each other, row by row."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    lists = [column for column in inner if isinstance(column, list)]
    for length in {len(column) for column in lists}:
        same = [column for column in lists if len(column) == length]
        if len(same) > 1:
            yield from (" ; ".join(map(str, row)) for row in zip(*same, strict=True))
    for one in inner:
        yield from _columns(one)


def _pickled(data: bytes) -> Iterator[str]:
    """Texts and numbers of a pickle in their order; it is read, never run."""
    with contextlib.suppress(Exception):  # cut off, or no pickle after all
        for code, argument, _ in pickletools.genops(data):
            if isinstance(argument, str | int | float) and not code.name.endswith(("PUT", "GET", "PROTO", "FRAME")):
                yield str(argument)


def _database_text(path: Path) -> str:
    """Every row of every table of an SQLite database."""
    lines: list[str] = []
    size = 0
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            quoted = '"' + table.replace('"', '""') + '"'
            for row in database.execute(f"SELECT * FROM {quoted}"):  # noqa: S608 - quoted, and only read
                lines.append(" ; ".join(map(str, row)))
                size += len(lines[-1])
                if size > READ_BYTES:
                    break
    return "\n".join(lines)
