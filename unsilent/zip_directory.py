"""What a zip holds, read so strictly that no two readers can see different things in it.

A zip says everything twice: in a directory at its end and in a header before each member. Readers believe one or the
other, so what one of them inspects need not be what another loads. Accepted here is only a file that is covered from
its first byte to its last by members and one directory, each header agreeing with its entry: no gap, no overlap,
nothing before, between or behind. Files of ``torch.save``, Info-ZIP and Python are like that.

Format: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (header), 4.3.9 (descriptor), 4.3.12 (entry), 4.3.14-16 (ends), 4.5.3
(sizes beyond 4 GB).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

STORED, DEFLATED = 0, 8
PIECE = 1 << 20  # bytes read at once
LARGEST_DIRECTORY = 64_000_000  # bytes; an adapter of 92,000 tensors (60 layers, 256 experts) needs 8 MB as torch zip
LONGEST_COMMENT = 0xFFFF  # the format's own limit
BEYOND_16, BEYOND_32 = 0xFFFF, 0xFFFFFFFF  # "look into the zip64 record"
DESCRIPTOR_FOLLOWS = 1 << 3
ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
PATCHED = 1 << 5
HEADER, ENTRY = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
END, END64, LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")


class ZipRefused(Exception):
    """A zip that is broken, or that two readers could understand differently; the message says how."""


@dataclass(frozen=True)
class Member:
    """One member, as directory and header both describe it."""

    name: str
    method: int
    checksum: int
    packed: int  # bytes in the zip
    size: int  # bytes unpacked, as it says
    begin: int  # where its bytes lie
    mode: int  # st_mode of Unix, 0 where none was written


@dataclass(frozen=True)
class _Entry:
    raw: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    at: int
    mode: int


def read_directory(file: BinaryIO, most: int) -> list[Member]:
    """List the members of a zip, at most ``most``.

    Raises:
        ZipRefused: Broken or ambiguous.
    """
    try:
        end = file.seek(0, 2)
        first, last, count = _find_directory(file, end)
        if count > most or last - first > LARGEST_DIRECTORY:
            raise ZipRefused(f"{count} members in a directory of {last - first} bytes are too many")
        entries = sorted(_entries(_read(file, first, last - first), count), key=lambda entry: entry.at)
        members, at = [], 0
        for entry in entries:
            if entry.at != at:
                raise ZipRefused(f"{entry.raw!r} lies at byte {entry.at}, where {at} was expected: a gap or an overlap")
            member, at = _member(file, entry)
            members.append(member)
    except struct.error as error:
        raise ZipRefused("cut off: a record that would end behind the file") from error
    except UnicodeDecodeError as error:
        raise ZipRefused(f"the name {error.object!r} is not UTF-8") from error
    if at != first:
        raise ZipRefused(f"{first - at} bytes between the members and the directory")
    return members


def read_member(file: BinaryIO, member: Member, *, checked: bool = True) -> Iterator[bytes]:
    """Unpack one member in pieces, never more than it said it holds.

    Raises:
        ZipRefused: Longer or shorter than it says, not deflated as it says, or another checksum.
    """
    size, checksum = 0, 0
    for piece in _inflated(file, member) if member.method == DEFLATED else _packed(file, member):
        size += len(piece)
        if size > member.size:
            raise ZipRefused(f"{member.name}: more bytes than the {member.size} it says")
        checksum = zlib.crc32(piece, checksum) if checked else 0
        yield piece
    if size != member.size:
        raise ZipRefused(f"{member.name}: {size} bytes instead of {member.size}")
    if checked and checksum != member.checksum:
        raise ZipRefused(f"{member.name}: its bytes do not have the checksum it says: damaged or changed")


def _packed(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The bytes of a member as they lie there; fewer where the file was cut meanwhile."""
    end = member.begin + member.packed
    for at in range(member.begin, end, PIECE):
        yield _read(file, at, min(PIECE, end - at))


def _inflated(file: BinaryIO, member: Member) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-15)
    try:
        for packed in _packed(file, member):
            piece = inflate.decompress(packed, PIECE)
            yield piece
            while len(piece) == PIECE:  # there may be more
                piece = inflate.decompress(inflate.unconsumed_tail, PIECE)
                yield piece
    except zlib.error as error:
        raise ZipRefused(f"{member.name}: {error}") from error
    if inflate.unused_data or not inflate.eof:
        raise ZipRefused(f"{member.name}: ends before, or behind, what is packed in it")


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _find_directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Where the directory begins and ends, and how many entries it has."""
    start = max(0, size - END.size - LONGEST_COMMENT)
    tail = _read(file, start, size - start)
    at = tail.rfind(b"PK\5\6")
    if at < 0:
        raise ZipRefused("no directory at the end: cut off, or no zip")
    _, disk, other_disk, here, count, length, first, comment = END.unpack_from(tail, at)
    if at + END.size + comment != len(tail):
        raise ZipRefused("bytes behind its end, or a second end in the comment")
    said, last = (disk, other_disk, here, count, length, first), start + at
    if at >= LOCATOR.size and tail[at - LOCATOR.size :].startswith(b"PK\6\7"):
        last -= LOCATOR.size + END64.size
        _, _, where, disks = LOCATOR.unpack_from(tail, at - LOCATOR.size)
        mark, length64, _, _, *said64 = END64.unpack(_read(file, max(0, last), END64.size))
        if (mark, where, disks, length64) != (b"PK\6\6", last, 1, END64.size - 12):
            raise ZipRefused("the end for large files is not where it says")
        for short, long, beyond in zip(said, said64, (BEYOND_16,) * 4 + (BEYOND_32,) * 2, strict=True):
            if short not in (long, beyond):
                raise ZipRefused("the two ends contradict each other")
        disk, other_disk, here, count, length, first = said64
    if (disk, other_disk, here) != (0, 0, count) or first + length != last:
        raise ZipRefused("the directory does not lie where it says, or in several parts")
    return first, last, count


def _entries(directory: bytes, count: int) -> Iterator[_Entry]:
    at = 0
    for _ in range(count):
        (mark, _, _, flags, method, _, _, checksum, packed, size, name, extra, comment, disk, _, mode, where) = (
            ENTRY.unpack_from(directory, at)
        )
        at += ENTRY.size
        raw = directory[at : at + name]
        (size, packed, where) = _large(directory[at + name : at + name + extra], [size, packed, where])
        at += name + extra + comment
        if mark != b"PK\1\2" or disk or at > len(directory):
            raise ZipRefused("an entry of the directory is broken")
        if flags & (ENCRYPTED | PATCHED) or method not in (STORED, DEFLATED):
            raise ZipRefused(f"{raw!r} is encrypted, or packed in a way that nobody needs (method {method})")
        if method == STORED and packed != size:
            raise ZipRefused(f"{raw!r} is not packed, but says two sizes")
        yield _Entry(raw, flags, method, checksum, packed, size, where, mode >> 16)
    if at != len(directory):
        raise ZipRefused("bytes behind the last entry of the directory")


def _large(extra: bytes, values: list[int]) -> list[int]:
    """Put in the values beyond 4 GB, which stand in an extra field in the order of those that are missing."""
    at = 0
    while BEYOND_32 in values and at < len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            found = iter(struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length]))
            return [next(found, (value,))[0] if value == BEYOND_32 else value for value in values]
        at += 4 + length
    return values


def _member(file: BinaryIO, entry: _Entry) -> tuple[Member, int]:
    """Hold an entry against its header; also where the next header must begin."""
    head = HEADER.unpack(_read(file, entry.at, HEADER.size))
    mark, _, flags, method, _, _, checksum, packed, size, length, extra = head
    later = flags & DESCRIPTOR_FOLLOWS
    name = _read(file, entry.at + HEADER.size, length)
    if (mark, flags, method, name) != (b"PK\3\4", entry.flags, entry.method, entry.raw):
        raise ZipRefused(f"the directory says {entry.raw!r}, the header at byte {entry.at} something else")
    for here, there, free in (
        (checksum, entry.checksum, ()),
        (packed, entry.packed, (BEYOND_32,)),
        (size, entry.size, (BEYOND_32,)),
    ):
        if here != there and here not in free and not (later and here == 0):
            raise ZipRefused(f"{entry.raw!r}: its header and the directory contradict each other")
    begin = entry.at + HEADER.size + length + extra
    end = begin + entry.packed
    if later:
        end += _descriptor(_read(file, end, 24), entry)
    name_said = entry.raw.decode()
    return Member(name_said, method, entry.checksum, entry.packed, entry.size, begin, entry.mode), end


def _descriptor(found: bytes, entry: _Entry) -> int:
    """Length of what follows the bytes of a member and repeats checksum and sizes; 0 where there is none."""
    for form in ("<LQQ", "<LLL"):
        if form == "<LQQ" or max(entry.packed, entry.size) <= BEYOND_32:
            said = struct.pack(form, entry.checksum, entry.packed, entry.size)
            for mark in (b"PK\7\x08", b""):
                if found.startswith(mark + said):
                    return len(mark + said)
    return 0
