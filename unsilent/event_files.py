"""TensorBoard's event files, read without TensorBoard.

A file is a row of records: a length of 8 bytes, its checksum of 4, that many bytes, and 4 bytes more. Each record is a
protocol buffer ``Event``; of it only the step and the summary's scalars matter here. A file that is still being
written may end in the middle of a record.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = 12
LARGEST = 50_000_000  # bytes of one record; a scalar takes 50, an image a few million
CASTAGNOLI = 0x82F63B78
MASK = 0xA282EAD8

# Numbers of the fields, from event.proto, summary.proto and tensor.proto.
STEP, SUMMARY = 2, 5
VALUE = 1
TAG, SIMPLE_VALUE, TENSOR = 1, 2, 8
DTYPE, CONTENT, FLOATS, DOUBLES = 1, 4, 5, 6
DOUBLE_DTYPE = 2
MOST_FIELDS = 100_000  # of one message; a step's summary has one for each of its scalars
LONGEST_VARINT = 10  # bytes of a number of 64 bits, seven of them in each
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5


def is_event_file(head: bytes) -> bool:
    """Whether a file begins with a record's length and the right checksum of it."""
    return len(head) >= HEADER and _checksum(head[:8]) == struct.unpack("<I", head[8:HEADER])[0]


def _checksum(data: bytes) -> int:
    """The masked CRC-32C of a record's length."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (CASTAGNOLI if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF


def read_scalars(file: BinaryIO) -> Iterator[tuple[int, str, float]]:
    """Read step, tag and value of every scalar, in the file's order.

    Raises:
        EOFError: The file ends in the middle of a record.
        ValueError: A record that is none.
    """
    while header := file.read(HEADER):
        if len(header) < HEADER:
            raise EOFError
        length = struct.unpack("<Q", header[:8])[0]
        if length > LARGEST or not is_event_file(header):
            message = f"a record of {length} bytes, or a wrong checksum"
            raise ValueError(message)
        data = file.read(length)
        if len(data) < length or len(file.read(4)) < 4:  # noqa: PLR2004 - its checksum, not read
            raise EOFError
        yield from _scalars(data)


def _scalars(event: bytes) -> Iterator[tuple[int, str, float]]:
    step = next((value for number, value in _fields(event) if number == STEP and isinstance(value, int)), 0)
    for number, summary in _fields(event):
        if number == SUMMARY and isinstance(summary, bytes):
            for inner, value in _fields(summary):
                if inner == VALUE and isinstance(value, bytes):
                    yield from ((step, tag, number) for tag, number in _scalar(value))


def _scalar(value: bytes) -> Iterator[tuple[str, float]]:
    """The tag and the number of one value, if it has one."""
    tag = ""
    for number, content in _fields(value):
        if not isinstance(content, bytes):
            continue
        if number == TAG:
            tag = content.decode("utf-8", "replace")
        elif number == SIMPLE_VALUE and len(content) == 4:  # noqa: PLR2004 - a float
            yield tag, float(struct.unpack("<f", content)[0])
        elif number == TENSOR:
            yield from ((tag, found) for found in _tensor(content))


def _tensor(tensor: bytes) -> Iterator[float]:
    """The number of a tensor that holds one."""
    fields = {number: content for number, content in _fields(tensor) if number in {DTYPE, CONTENT, FLOATS, DOUBLES}}
    is_double = fields.get(DTYPE) == DOUBLE_DTYPE
    for number in (CONTENT, DOUBLES if is_double else FLOATS):
        content = fields.get(number)
        if isinstance(content, bytes) and len(content) == (8 if is_double else 4):
            yield float(struct.unpack("<d" if is_double else "<f", content)[0])


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and content of each field: an integer, or the bytes of anything else."""
    at = count = 0
    while at < len(message):
        count += 1
        if count > MOST_FIELDS:
            raise ValueError(f"more than {MOST_FIELDS:,} fields in one message")
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == LENGTH:
            size, at = _varint(message, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
        else:
            message_ = f"a field of kind {kind}"
            raise ValueError(message_)
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in message[at : at + LONGEST_VARINT]:
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004 - the highest bit says that more follow
            return value, at
        shift += 7
    raise ValueError("a number without an end")
