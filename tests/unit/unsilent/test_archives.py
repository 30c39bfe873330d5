"""A zip is unpacked into an empty folder, or refused with the folder as empty as before."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from unsilent import archives
from unsilent.archives import ArchiveRefused, unpack


def everything(path: PurePosixPath) -> bool:
    """Want all."""
    return bool(path.name)


def write(path: Path, *members: str | zipfile.ZipInfo, content: bytes = b"x", packed: bool = False) -> Path:
    """Write a zip in which every member has the same content."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as made:
        for member in members:
            name = member if isinstance(member, str) else member.filename
            made.writestr(member, b"" if name.endswith("/") else content)
    return path


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    """A member with a mode of Unix."""
    info = zipfile.ZipInfo("placeholder")
    info.filename, info.external_attr = name, mode << 16
    return info


def test_wanted_files_are_unpacked(tmp_path: Path) -> None:
    """Folders come with their files; what is not wanted is not written; nothing becomes executable."""
    archive = write(
        tmp_path / "a.zip", "sub/", "sub/adapter_config.json", "sub/notes.txt", entry("run.sh", stat.S_IFREG | 0o755)
    )
    written = unpack(archive, tmp_path / "out", lambda path: path.suffix != ".txt")

    assert written == ["sub/adapter_config.json", "run.sh"]
    assert (tmp_path / "out" / "sub" / "adapter_config.json").read_bytes() == b"x"
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["adapter_config.json", "run.sh", "sub"]
    assert not (tmp_path / "out" / "run.sh").stat().st_mode & 0o111


def test_archive_in_an_archive_is_a_file(tmp_path: Path) -> None:
    """It is not followed."""
    inner = write(tmp_path / "inner.zip", "x").read_bytes()

    assert unpack(write(tmp_path / "a.zip", "inner.zip", content=inner), tmp_path / "out", everything) == ["inner.zip"]
    assert (tmp_path / "out" / "inner.zip").read_bytes() == inner


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (["good", "../evil"], "leaves the folder"),
        (["good", "/etc/evil"], "leaves the folder"),
        (["good", "a/../../evil"], "leaves the folder"),
        (["good", "a//evil"], "leaves the folder"),
        (["good", "./evil"], "leaves the folder"),
        (["good", "a\\..\\evil"], "characters that are not the same everywhere"),
        (["good", "C:evil"], "characters that are not the same everywhere"),
        (["good", "a\nb"], "characters that are not the same everywhere"),
        (["good", "a\u202egpj.exe"], "characters that are not the same everywhere"),
        (["good", "a. /x"], "characters that are not the same everywhere"),
        (["good", "a/CON"], "a device on Windows"),
        (["good", "nul.txt/a"], "a device on Windows"),
        (["good", "lpt1 .tar.gz"], "a device on Windows"),
        (["good", "x" * 256], "too long or too deep"),
        (["good", "/".join(["y" * 200] * 6)], "too long or too deep"),
        (["good", "/".join("abcdefghijklmnopqrstuvw")], "too long or too deep"),
        (["good", "A/b", "a/B"], "is there twice"),
        (["good", "é", "e\u0301"], "is there twice"),
        (["good", "good/evil"], "is a file and a folder"),
        (["good", "Good/"], "is a file and a folder"),
        (["good", entry("link", stat.S_IFLNK | 0o777)], "a link or a device"),
        (["good", entry("pipe", stat.S_IFIFO | 0o777)], "a link or a device"),
        (["good", entry("device", stat.S_IFCHR | 0o777)], "a link or a device"),
        (["good", entry("folder", stat.S_IFDIR | 0o777)], "is a file and a folder"),
        (["good", entry("file/", stat.S_IFREG | 0o777)], "is a file and a folder"),
    ],
)
def test_unsafe_names_are_refused(tmp_path: Path, members: list[str | zipfile.ZipInfo], message: str) -> None:
    """Even where nobody wants them; the folder stays empty, and nothing is beside it."""
    archive = write(tmp_path / "a.zip", *members)

    with pytest.raises(ArchiveRefused, match=message):
        unpack(archive, tmp_path / "out" / "inner", lambda path: path.name == "good")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "inner", "out"]


def test_duplicate_is_refused(tmp_path: Path) -> None:
    """Two members of one name: readers differ in which they take."""
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = write(tmp_path / "a.zip", "x", "x")

    with pytest.raises(ArchiveRefused, match="is there twice"):
        unpack(archive, tmp_path / "out", everything)


def test_folder_with_content_is_refused(tmp_path: Path) -> None:
    """An entry that ends as a folder and holds bytes."""
    blob = write(tmp_path / "a.zip", "folder_").read_bytes().replace(b"folder_", b"folder/")
    (tmp_path / "a.zip").write_bytes(blob)

    with pytest.raises(ArchiveRefused, match="is a file and a folder"):
        unpack(tmp_path / "a.zip", tmp_path / "out", everything)


def test_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ratio above what is harmless, and by size; a small adapter full of zeros is no bomb."""
    archive = write(tmp_path / "a.zip", "zeros", content=bytes(2_000_000), packed=True)
    unpack(archive, tmp_path / "harmless", everything)
    monkeypatch.setattr(archives, "HARMLESS_TOTAL", 1_000_000)

    with pytest.raises(ArchiveRefused, match="2000000: a bomb"):
        unpack(archive, tmp_path / "out", everything)
    monkeypatch.setattr(archives, "LARGEST_TOTAL", 1)
    with pytest.raises(ArchiveRefused, match="a bomb"):
        unpack(write(tmp_path / "b.zip", "x", content=b"xy"), tmp_path / "out", everything)
    monkeypatch.setattr(archives, "MOST_MEMBERS", 1)
    with pytest.raises(ArchiveRefused, match="too many"):
        unpack(write(tmp_path / "c.zip", "x", "y"), tmp_path / "out", everything)


def test_overlapping_bomb_is_refused(tmp_path: Path) -> None:
    """Many entries that all say the same bytes."""
    blob = write(tmp_path / "a.zip", "x", content=bytes(100)).read_bytes()
    at, end = blob.index(b"PK\1\2"), blob.index(b"PK\5\6")
    directory = blob[at:end] * 9
    blob = blob[:at] + directory + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 9, 9, len(directory), at, 0)
    (tmp_path / "a.zip").write_bytes(blob)

    with pytest.raises(ArchiveRefused, match="a gap or an overlap"):
        unpack(tmp_path / "a.zip", tmp_path / "out", everything)


def test_what_was_written_goes_when_a_later_member_is_damaged(tmp_path: Path) -> None:
    """All or nothing."""
    archive = write(tmp_path / "a.zip", "first", "sub/second", content=b"some content")
    blob = archive.read_bytes()
    at = blob.index(b"sub/second") + len("sub/second")
    archive.write_bytes(blob[:at] + b"x" + blob[at + 1 :])

    with pytest.raises(ArchiveRefused, match=r"sub/second: its bytes do not have the checksum.*What to do:"):
        unpack(archive, tmp_path / "out", everything)
    assert list((tmp_path / "out").iterdir()) == []


def test_only_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """Nothing that is there is ever overwritten."""
    (tmp_path / "mine").touch()

    with pytest.raises(ArchiveRefused, match="Expected an empty folder"):
        unpack(write(tmp_path / "a.zip", "x"), tmp_path, everything)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\3\4"], ids=["empty", "text", "cut"])
def test_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever it is called."""
    (tmp_path / "a.zip").write_bytes(content)

    with pytest.raises(ArchiveRefused, match="no directory at the end"):
        unpack(tmp_path / "a.zip", tmp_path / "out", everything)
    with pytest.raises(ArchiveRefused, match="cannot be opened"):
        unpack(tmp_path / "nothing.zip", tmp_path / "out", everything)
