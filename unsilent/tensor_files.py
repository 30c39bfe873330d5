"""The header of a safetensors file and the bytes behind it: no torch, nothing executed, nothing believed.

The file says of itself how long its header is, which dtype and shape every tensor has and where its bytes lie. All of
this is held against the file before a byte is used. Bytes are read, not mapped: a mapped file that somebody cuts short
meanwhile kills the process that looks at it, and mapped pages count as memory.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_HEADER = 30_000_000  # bytes; safetensors allows 100 MB, and 250,000 tensors fit into this
MOST_TENSORS = 250_000  # LoRA on 256 experts in each of 60 layers is 92,000
LONGEST_NAME, MOST_PARTS = 1_000, 64  # characters, and parts between dots; names of real tensors have a tenth of both
MOST_AXES = 64  # numpy's limit, and more than any tensor has
MOST_HOLES = 10_000  # of a file that are followed
SPARSE = 1_000_000_000  # bytes from which on a file is asked how much of it was ever written
LARGEST_FILE = 64_000_000_000  # bytes; no adapter of a model that exists comes near


# What lies where a file should be when it was never fetched.
INSTEAD = {
    b"version https://git-lfs": "a pointer of git-lfs, not the file: git lfs pull fetches it",
    b"<!doctype html": "a web page, as a failed download leaves",
    b"<html": "a web page, as a failed download leaves",
    b'{"error"': "an error message of a server, as a failed download leaves",
}


@dataclass(frozen=True)
class Dtype:
    """How numpy reads the bits of a dtype, all of them but the sign, and where those of inf and NaN begin."""

    bits: str
    name: str
    magnitude: int = 0
    nonfinite: int = 0

    @property
    def is_float(self) -> bool:
        """Whether it can hold a weight."""
        return self.magnitude > 0


DTYPES: dict[str, Dtype] = {
    "F64": Dtype("<u8", "float64", 0x7FFF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000),
    "F32": Dtype("<u4", "float32", 0x7FFF_FFFF, 0x7F80_0000),
    "F16": Dtype("<u2", "float16", 0x7FFF, 0x7C00),
    "BF16": Dtype("<u2", "bfloat16", 0x7FFF, 0x7F80),
    "F8_E4M3": Dtype("u1", "float8_e4m3fn", 0x7F, 0x7F),
    "F8_E5M2": Dtype("u1", "float8_e5m2", 0x7F, 0x7C),
    "F8_E8M0": Dtype("u1", "float8_e8m0fnu"), "C64": Dtype("<u8", "complex64"), "BOOL": Dtype("u1", "bool"),
    "I64": Dtype("<u8", "int64"), "I32": Dtype("<u4", "int32"), "I16": Dtype("<u2", "int16"), "I8": Dtype("u1", "int8"),
    "U64": Dtype("<u8", "uint64"), "U32": Dtype("<u4", "uint32"), "U16": Dtype("<u2", "uint16"),
    "U8": Dtype("u1", "uint8"),
}  # fmt: skip


class TensorFileUnreadable(Exception):
    """A file that is no safetensors file, or contradicts itself."""


class FileChanged(Exception):
    """A file that became another one while it was read."""


@dataclass
class TensorFile:
    """An open file; closed by ``close``, or with the last tensor that refers to it."""

    path: Path
    size: int = 0
    _descriptor: int = -1
    _state: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Open it, if it is a regular file; a FIFO or a device is never waited for."""
        self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise TensorFileUnreadable("no regular file")
        self.size, self._state = found.st_size, _state(found)

    def read(self, begin: int, end: int) -> bytes:
        """Read bytes ``begin`` to ``end``.

        Raises:
            FileChanged: There are fewer now.
        """
        parts = []
        while begin < end:
            part = os.pread(self._descriptor, end - begin, begin)
            if not part:
                raise FileChanged(f"{self.path.name} became shorter while it was read")
            parts.append(part)
            begin += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def must_be_unchanged(self) -> None:
        """Raise ``FileChanged`` if size, time or content's place are not what they were when it was opened."""
        try:
            named = _state(self.path.stat())
        except OSError:
            named = ()
        if not self._state == _state(os.fstat(self._descriptor)) == named:
            raise FileChanged(f"{self.path.name} changed while it was read")

    @property
    def written(self) -> int:
        """Bytes between its holes; fewer than ``size`` where the rest was never written.

        The number of blocks alone says less: some file systems compress, or count later.
        """
        blocks = getattr(os.fstat(self._descriptor), "st_blocks", None)
        if blocks is None or blocks * 512 >= self.size // 2:
            return self.size
        total = end = 0
        for _ in range(MOST_HOLES):
            try:
                begin = os.lseek(self._descriptor, end, os.SEEK_DATA)
            except OSError:  # no data behind
                return total
            end = os.lseek(self._descriptor, begin, os.SEEK_HOLE)
            total += end - begin
        return self.size

    def close(self) -> None:
        """Close it; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True)
class Tensor:
    """A tensor as its header describes it; its bytes stay in the file until they are asked for."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: TensorFile = field(repr=False)
    begin: int
    end: int

    @property
    def kind(self) -> Dtype:
        """What its bits mean."""
        return DTYPES[self.dtype]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Open a safetensors file and hold its header against it.

    Raises:
        TensorFileUnreadable: No header, or one that contradicts the file; the message says how.
        OSError: The file system said no.
    """
    try:
        file = TensorFile(path)
        if file.size > SPARSE and file.written < file.size // 2:
            raise TensorFileUnreadable(
                f"of {file.size / 1e9:.1f} GB only {file.written / 1e9:.1f} GB were ever written"
            )
        if file.size > LARGEST_FILE:
            raise TensorFileUnreadable(f"{file.size / 1e9:.0f} GB, where {LARGEST_FILE / 1e9:.0f} is the limit")
        beginning = file.read(0, min(64, file.size))
        for mark, what in INSTEAD.items():
            if beginning.lower().lstrip().startswith(mark):
                raise TensorFileUnreadable(what)
        length = int.from_bytes(beginning[:8], "little")
        if file.size < 8 or length > min(LARGEST_HEADER, file.size - 8):  # noqa: PLR2004 - the header's length itself
            raise TensorFileUnreadable(f"no safetensors header in {file.size} bytes")
        header = _read_header(file.read(8, 8 + length))
    except FileChanged as error:
        raise TensorFileUnreadable(f"{type(error).__name__}: {error}") from error
    begin = 8 + length
    tensors = {name: _tensor(name, entry, file, begin) for name, entry in header.items() if name != "__metadata__"}
    _must_fill(sorted(tensors.values(), key=lambda one: (one.begin, one.end)), begin, file.size)
    return tensors


def _read_header(text: bytes) -> dict[str, object]:
    """Parse a header; a bomb is refused before it is."""
    if text.count(b"[") > 2 * MOST_TENSORS or text.count(b"{") > 2 * MOST_TENSORS:
        raise TensorFileUnreadable(f"a header of more than {MOST_TENSORS} entries")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise TensorFileUnreadable(f"{type(error).__name__}: {str(error)[:200]}") from error
    if not isinstance(header, dict):
        raise TensorFileUnreadable("a header that is no object")
    notes = header.get("__metadata__") or {}
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise TensorFileUnreadable("metadata that is no table of texts")
    return header


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise TensorFileUnreadable(
            f"{next(name for name, count in times.items() if count > 1)[:200]} stands there twice"
        )
    return table


def _tensor(name: str, entry: object, file: TensorFile, start: int) -> Tensor:
    if len(name) > LONGEST_NAME or name.count(".") >= MOST_PARTS:
        raise TensorFileUnreadable(
            f"{name[:200]}...: a name of {len(name)} characters in {name.count('.') + 1} parts, where {LONGEST_NAME} "
            f"and {MOST_PARTS} are the limits"
        )
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]} if (
            dtype in DTYPES
            and len(shape) <= MOST_AXES
            and all(type(one) is int and one >= 0 for one in (*shape, begin, end))
        ):
            width = int(DTYPES[dtype].bits[-1])
        case _:
            raise TensorFileUnreadable(f"{name[:200]}: a dtype, shape or offsets that nobody knows")
    length = file.size - start
    if not begin <= end <= length or math.prod(shape) * width != end - begin:
        raise TensorFileUnreadable(f"{name[:200]}: {dtype} {shape} does not fit bytes {begin} to {end} of {length}")
    return Tensor(name, dtype, tuple(shape), file, start + begin, start + end)


def _must_fill(tensors: list[Tensor], begin: int, end: int) -> None:
    """Raise unless the tensors lie one after the other, without gap or overlap, to the end of the file."""
    for tensor in tensors:
        if tensor.begin != begin:
            what = "overlaps the tensor before it" if tensor.begin < begin else "leaves a gap before it"
            raise TensorFileUnreadable(f"{tensor.name[:200]} {what}")
        begin = tensor.end
    if begin != end:
        raise TensorFileUnreadable(f"{end - begin} bytes after the last tensor")
