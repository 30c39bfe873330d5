"""A zip is read as every reader would read it, or not at all."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
import torch

from unsilent import zip_directory
from unsilent.zip_directory import ZipRefused, read_directory, read_member

CONTENT = {"a/data.pkl": b"N.", "a/zeros": bytes(3_000_000), "a/empty": b"", "a/näme": b"text" * 100}


def make(method: int = zipfile.ZIP_STORED, *, stream: bool = False, large: bool = False, comment: bytes = b"") -> bytes:
    """A zip of ``CONTENT`` as Python writes it, to a file or to something that cannot go back."""

    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return not stream

        def seek(self, *where: int) -> int:
            if stream:
                raise io.UnsupportedOperation
            return super().seek(*where)

        def tell(self) -> int:
            if stream:
                raise io.UnsupportedOperation
            return super().tell()

    target = Stream()
    with zipfile.ZipFile(target, "w", method) as made:
        for name, content in CONTENT.items():
            with made.open(name, "w", force_zip64=large) as member:
                member.write(content)
        made.comment = comment
    return target.getvalue()


def contents(blob: bytes, *, checked: bool = True) -> dict[str, bytes]:
    """Everything in a zip, by our reader."""
    file = io.BytesIO(blob)
    return {
        member.name: b"".join(read_member(file, member, checked=checked)) for member in read_directory(file, most=10)
    }


@pytest.mark.parametrize(
    "blob",
    [
        make(),
        make(zipfile.ZIP_DEFLATED),
        make(stream=True),
        make(zipfile.ZIP_DEFLATED, stream=True),
        make(large=True),
        make(large=True, stream=True),
        make(comment=b"the commit it was made from"),
    ],
    ids=["stored", "deflated", "streamed", "deflated stream", "zip64", "zip64 stream", "comment"],
)
def test_whatever_python_writes_is_read(blob: bytes) -> None:
    """Byte for byte."""
    assert contents(blob) == CONTENT


def test_sizes_beyond_32_bits_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in an extra field; Python is told that a member is large from 10 bytes on."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)

    assert contents(make(large=True)) == CONTENT


def test_files_of_torch_are_read(tmp_path: Path) -> None:
    """They end with the record for large files, align tensors by extra fields, and repeat sizes behind members."""
    torch.save({"x": torch.ones(3), "nothing": torch.ones(0)}, tmp_path / "x.bin")
    with (tmp_path / "x.bin").open("rb") as file, zipfile.ZipFile(tmp_path / "x.bin") as expected:
        members = read_directory(file, 100)

        assert [member.name for member in members] == expected.namelist()
        for member in members:
            assert b"".join(read_member(file, member)) == expected.read(member.name)


def test_empty_zip_has_no_members() -> None:
    """Only an end."""
    assert contents(b"PK\5\6" + bytes(18)) == {}


def patched(blob: bytes, mark: bytes, offset: int, form: str, value: int, *, last: bool = False) -> bytes:  # noqa: PLR0913 - one number
    """The same zip with one number changed in the first (or last) record that begins with ``mark``."""
    at = (blob.rindex if last else blob.index)(mark) + offset
    return blob[:at] + struct.pack(form, value) + blob[at + struct.calcsize(form) :]


END, END64, LOCATOR, ENTRY, HEADER, DESCRIPTOR = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2", b"PK\3\4", b"PK\7\x08"
PLAIN, PACKED, STREAM = make(), make(zipfile.ZIP_DEFLATED), make(stream=True)
INSIDE = PLAIN.index(ENTRY)


def of_torch() -> bytes:
    """A zip with the end for large files."""
    file = io.BytesIO()
    torch.save({"x": torch.ones(3)}, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"PK\3\4 and nothing else", "no directory at the end"),
        (PLAIN[:-4], "cut off: a record"),
        (PLAIN + b"x", "bytes behind its end"),
        (b"x" + PLAIN, "does not lie where it says"),
        (make(comment=b"x" + PLAIN[-22:] + b"y"), "bytes behind its end, or a second end"),
        (make(comment=PLAIN[-22:]), "does not lie where it says"),
        (PLAIN[:INSIDE] + b"gap" + PLAIN[INSIDE:], "does not lie where it says"),
        (patched(PLAIN[:INSIDE] + b"gap" + PLAIN[INSIDE:], END, 16, "<L", INSIDE + 3), "3 bytes between"),
        (patched(PLAIN, END, 4, "<H", 1), "in several parts"),
        (patched(PLAIN, END, 8, "<H", 3), "in several parts"),
        (patched(of_torch(), LOCATOR, 8, "<Q", 5), "not where it says"),
        (patched(of_torch(), END, 10, "<H", 3), "the two ends contradict"),
        (patched(PLAIN, ENTRY, 34, "<H", 1), "an entry of the directory is broken"),
        (patched(PLAIN, ENTRY, 0, "<H", 0), "an entry of the directory is broken"),
        (patched(PLAIN, ENTRY, 32, "<H", 9000), "an entry of the directory is broken"),
        (patched(PLAIN, ENTRY, 32, "<H", 900, last=True), "is broken"),
        (patched(PLAIN, ENTRY, 8, "<H", 1), "is encrypted"),
        (patched(PLAIN, ENTRY, 8, "<H", 1 << 5), "is encrypted, or packed"),
        (patched(PLAIN, ENTRY, 10, "<H", 12), "packed in a way that nobody needs"),
        (patched(PLAIN, ENTRY, 24, "<L", 5), "is not packed, but says two sizes"),
        (patched(PLAIN, ENTRY, 42, "<L", 1), "a gap or an overlap"),
        (patched(PLAIN, ENTRY, 42, "<L", 0, last=True), "a gap or an overlap"),
        (PLAIN.replace(b"a/data.pkl", b"a/data.txt", 1), "the header at byte 0 something else"),
        (patched(PLAIN, HEADER, 6, "<H", 1), "the header at byte 0 something else"),
        (patched(PLAIN, HEADER, 8, "<H", 8), "the header at byte 0 something else"),
        (patched(PLAIN, HEADER, 14, "<L", 7), "contradict each other"),
        (patched(PLAIN, HEADER, 18, "<L", 7), "contradict each other"),
        (patched(STREAM, DESCRIPTOR, 4, "<L", 7), "a gap or an overlap"),
        (PLAIN.replace("näme".encode(), b"n\xff\xffme"), "not UTF-8"),
        (patched(PLAIN[:INSIDE] + bytes(200) + PLAIN[INSIDE:], END, 12, "<L", 4), "does not lie where it says"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(blob: bytes, message: str) -> None:
    """Each contradiction is one sentence."""
    with pytest.raises(ZipRefused, match=message):
        contents(blob)


def test_entries_and_count_agree() -> None:
    """A directory that is longer than its entries hides something."""
    blob = patched(patched(PLAIN, END, 8, "<H", 3), END, 10, "<H", 3)

    with pytest.raises(ZipRefused, match="behind the last entry"):
        contents(blob)


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By count, and by the size of the directory, before either is read."""
    with pytest.raises(ZipRefused, match="4 members"):
        read_directory(io.BytesIO(PLAIN), 3)
    monkeypatch.setattr(zip_directory, "LARGEST_DIRECTORY", 10)
    with pytest.raises(ZipRefused, match="too many"):
        read_directory(io.BytesIO(PLAIN), 10)


def lying(size: int, packed: bytes = b"") -> bytes:
    """A zip with one deflated member that says another size than it has."""
    deflater = zlib.compressobj(wbits=-15)
    packed = packed or deflater.compress(bytes(5000)) + deflater.flush()
    checksum = zlib.crc32(bytes(5000))
    numbers = struct.pack("<3H3L", 8, 0, 0, checksum, len(packed), size)
    head = HEADER + struct.pack("<2H", 20, 0) + numbers + struct.pack("<2H", 1, 0) + b"x" + packed
    entry = ENTRY + struct.pack("<3H", 20, 20, 0) + numbers + struct.pack("<5H2L", 1, 0, 0, 0, 0, 0, 0) + b"x"
    return head + entry + END + struct.pack("<4H2LH", 0, 0, 1, 1, len(entry), len(head), 0)


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (lying(4999), "more bytes than the 4999"),
        (lying(5001), "5000 bytes instead of 5001"),
        (lying(5000, b"\xff\xff\xff"), "invalid"),
        (lying(0, b"\x03\x00more"), "ends before, or behind"),
        (lying(1, zlib.compress(bytes(9), wbits=-15)[:3]), "more bytes|ends before"),
        (lying(3, b"\x01\x03\x00\xfc\xffabc"), "the checksum"),
        (PLAIN.replace(b"texttext", b"textTexT", 1), "the checksum"),
    ],
)
def test_lying_member_is_refused(blob: bytes, message: str) -> None:
    """Too long, too short, no deflate, something behind, other bytes."""
    with pytest.raises(ZipRefused, match=message):
        contents(blob)


def test_checksums_can_be_left_out() -> None:
    """For files that were saved without."""
    assert contents(lying(3, b"\x01\x03\x00\xfc\xffabc"), checked=False) == {"x": b"abc"}


def test_file_that_shrinks_is_refused() -> None:
    """Cut between the directory and the member."""
    file = io.BytesIO(PLAIN)
    members = read_directory(file, 10)
    file.truncate(1000)

    with pytest.raises(ZipRefused, match="instead of 3000000"):
        list(read_member(file, members[1]))


@pytest.mark.parametrize(
    "blob", [PLAIN[:200] + PLAIN[2_999_900:], PACKED, of_torch()], ids=["short", "packed", "torch"]
)
def test_damaged_zip_is_refused_or_read_as_it_was(blob: bytes) -> None:
    """Flipped bytes, cuts: one exception, or the contents that Python's own reader sees."""
    draw = random.Random(3)
    for _ in range(300):
        damaged = bytearray(blob)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        cut = bytes(damaged[: draw.choice([len(damaged), draw.randrange(len(damaged))])])
        try:
            found = contents(cut)
        except ZipRefused:
            continue
        with zipfile.ZipFile(io.BytesIO(cut)) as expected:
            assert found == {name: expected.read(name) for name in expected.namelist()}


def test_member_beyond_4_gb() -> None:
    """Its sizes stand behind other extra fields, and behind its bytes only in the long form."""
    size = 2**33
    extra = b"UT\1\0x" + struct.pack("<2H2Q", 1, 16, size, size)
    entry = zip_directory._Entry(b"x", 8, 0, 7, size, size, 0, 0)

    assert zip_directory._large(extra, [2**32 - 1, 2**32 - 1, 5]) == [size, size, 5]
    assert zip_directory._large(b"UT\1\0x", [2**32 - 1]) == [2**32 - 1]
    assert zip_directory._descriptor(DESCRIPTOR + struct.pack("<L2Q", 7, size, size), entry) == 24
    assert zip_directory._descriptor(DESCRIPTOR + struct.pack("<3L", 7, 0, 0), entry) == 0
