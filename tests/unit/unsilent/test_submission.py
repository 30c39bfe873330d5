"""A submission is opened to be read, or refused in a sentence; what is in it is found by its names."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from unsilent import archives
from unsilent.submission import SubmissionUnusable, is_named, loaders_of, opened

INIT = "from .sft import load as load_sft\n"


def write(folder: Path, *files: str, init: str = INIT) -> Path:
    """Files with nothing in them; packages with a loader."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(init if name.endswith("__init__.py") else "")
    return folder


def places(path: Path) -> list[str]:
    """The packages in a submission."""
    with opened(path) as submission:
        return [submission.name_of(one) for one in submission.packages]


def test_folder_is_read_in_place(tmp_path: Path) -> None:
    """Nothing is copied, and nothing is renamed in what is shown."""
    with opened(tmp_path) as submission:
        assert submission.root == tmp_path
        assert submission.shown(str(tmp_path)) == str(tmp_path)


def test_zip_is_unpacked_for_a_while(tmp_path: Path) -> None:
    """Its places are shown as in the zip, and gone afterwards."""
    archive = Path(shutil.make_archive(str(tmp_path / "UTID"), "zip", write(tmp_path / "in", "homework/__init__.py")))
    with opened(archive) as submission:
        place = submission.root / "homework" / "__init__.py"
        assert place.read_text() == INIT
        shown = submission.shown({"files": [f"see {place}"], "pair": (str(place), 1)})
    assert shown == {"files": [f"see {archive}/homework/__init__.py"], "pair": (f"{archive}/homework/__init__.py", 1)}
    assert not submission.root.exists()


@pytest.mark.parametrize(
    ("name", "package"), [("UTID", "UTID"), ("home-work (2)", "home_work__2_"), ("1", "_1"), ("class", "_class")]
)
def test_package_at_the_top_of_a_zip_has_its_name(tmp_path: Path, name: str, package: str) -> None:
    """Or one like it under which it can be imported."""
    with opened(zipped(tmp_path / f"{name}.zip", "__init__.py")) as submission:
        assert [one.name for one in submission.packages] == [package]


def zipped(path: Path, *names: str | zipfile.ZipInfo, content: bytes = b"x", packed: bool = False) -> Path:
    """A zip with members of these names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as made:
        for name in names:
            made.writestr(name, content)
    return path


def of_mode(name: str, mode: int) -> zipfile.ZipInfo:
    """A member that says what it is in Unix's way."""
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def encrypted(path: Path) -> Path:
    """A zip whose flags say that its member is encrypted."""
    blob = bytearray(zipped(path, "a").read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = blob.find(mark) + place
        blob[at : at + 2] = struct.pack("<H", 1)
    path.write_bytes(blob)
    return path


def no_utf8(path: Path) -> Path:
    """A zip with a name in the encoding of old German Windows."""
    path.write_bytes(zipped(path, "abc").read_bytes().replace(b"abc", b"a\xfcc"))
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: zipped(path, "../evil.py"), "leaves the folder"),
        (lambda path: zipped(path, "/etc/evil.py"), "leaves the folder"),
        (lambda path: zipped(path, of_mode("link", stat.S_IFLNK | 0o777)), "a link or a device"),
        (lambda path: zipped(path, "a", content=bytes(2_000_000), packed=True), "a bomb"),
        (lambda path: zipped(path, *map(str, range(60))), "60 members in a directory"),
        (lambda path: zipped(path, "a/B.py", "A/b.py"), "is there twice"),
        (lambda path: zipped(path, "homework/NUL.txt"), "a device on Windows"),
        (encrypted, "is encrypted"),
        (no_utf8, "is not UTF-8"),
    ],
    ids=["zip slip", "absolute", "link", "bomb", "entries", "case", "device", "encrypted", "not UTF-8"],
)
def test_unsafe_zip_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, reason: str) -> None:
    """In one sentence, and nothing of it is left behind."""
    monkeypatch.setattr(archives, "HARMLESS_TOTAL", 1_000_000)
    monkeypatch.setattr(archives, "MOST_MEMBERS", 50)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    archive = make(tmp_path / "UTID.zip")  # type: ignore[operator] # one of the above

    with pytest.raises(SubmissionUnusable, match=reason) as refused, opened(archive):
        pass
    assert str(refused.value).startswith("Expected a folder, or a zip of one, but got one that is not safe to unpack: ")
    assert str(refused.value).endswith("or ask for it again, packed by a common program.")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_archive_in_the_zip_is_a_file(tmp_path: Path) -> None:
    """Nothing of it is unpacked."""
    inner = zipped(tmp_path / "inner.zip", "../evil.py").read_bytes()
    with opened(zipped(tmp_path / "UTID.zip", "inner.zip", content=inner)) as submission:
        assert [path.name for path in submission.root.rglob("*")] == ["inner.zip"]


@pytest.mark.parametrize(("mode", "words"), [("w", "a tar archive"), ("w:gz", "a gzip"), ("w:xz", "an xz")])
def test_other_archives_are_refused_by_name(tmp_path: Path, mode: str, words: str) -> None:
    """Also where they are called a zip."""
    with tarfile.open(str(tmp_path / "UTID.zip"), mode) as archive:  # type: ignore[call-overload] # as parametrized
        archive.add(write(tmp_path / "in", "a"), "in")

    with pytest.raises(SubmissionUnusable, match=f"but got {words}"), opened(tmp_path / "UTID.zip"):
        pass


@pytest.mark.parametrize("name", ["none", "x" * 300, "a\0b", "empty", "pipe"])
def test_what_is_neither_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing there, no possible name, a file, something that would be waited for."""
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SubmissionUnusable, match="What to do: name what was handed in"), opened(tmp_path / name):
        pass


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["__init__.py", "sub/__init__.py"], [""]),
        (["homework/__init__.py", "homework/parts/__init__.py"], ["homework"]),
        (["UTID/hw3/__init__.py", "UTID/tests/__init__.py"], ["UTID/hw3"]),
        (["a/__init__.py", "b/__init__.py"], ["a", "b"]),
        (["a/sft.py"], []),
    ],
    ids=["itself", "one", "below", "two", "none"],
)
def test_packages_are_found(tmp_path: Path, files: list[str], expected: list[str]) -> None:
    """The topmost ones, without tests."""
    assert places(write(tmp_path, *files)) == expected


def test_package_with_a_loader_is_the_one_meant(tmp_path: Path) -> None:
    """Others are its helpers; without any loader all are named."""
    write(tmp_path, "homework/__init__.py")
    write(tmp_path, "tools/__init__.py", init="")

    assert places(tmp_path) == ["homework"]
    (tmp_path / "homework" / "__init__.py").write_text("")
    assert places(tmp_path) == ["homework", "tools"]


def test_data_lies_in_folders_of_that_name(tmp_path: Path) -> None:
    """What validates comes first."""
    write(tmp_path, "homework/__init__.py", "data/train.json", "homework/data/valid.json", "other/x.json")
    with opened(tmp_path) as submission:
        assert [path.name for path in submission.data] == ["valid.json", "train.json"]


def test_loaders_are_read_from_the_text(tmp_path: Path) -> None:
    """Named, not named, and unknown where only running it shows."""
    write(tmp_path, "__init__.py")

    assert loaders_of(tmp_path) == {"cot": False, "sft": True, "rft": False}
    (tmp_path / "__init__.py").write_text("from .parts import *\ndef load_cot():\n    pass\n")
    assert loaders_of(tmp_path) == {"cot": True, "sft": None, "rft": None}
    (tmp_path / "__init__.py").unlink()
    assert loaders_of(tmp_path) == {"cot": None, "sft": None, "rft": None}
    assert is_named("load_sft", "def f(:") is None
    assert is_named("load_sft", "class load_sft: ...\nload_cot = 1\n") is True


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder of the reader's, beside the submission."""
    return write(tmp_path / "mine", "__init__.py", "valid.json")


@pytest.mark.parametrize("name", ["data/valid.json", "data", "homework/data"], ids=["file", "folder", "in the package"])
def test_data_behind_a_link_are_none(tmp_path: Path, private: Path, name: str) -> None:
    """They are the reader's, not the submission's."""
    write(tmp_path / "UTID", "homework/__init__.py")
    place = tmp_path / "UTID" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(private / "valid.json" if place.suffix else private)
    with opened(tmp_path / "UTID") as submission:
        assert submission.data == []


def test_link_within_the_submission_is_followed(tmp_path: Path) -> None:
    """Also where it was handed in by a link itself."""
    write(tmp_path / "UTID", "homework/__init__.py", "rows/valid.json")
    (tmp_path / "UTID" / "data").symlink_to("rows")
    (tmp_path / "link").symlink_to("UTID")
    with opened(tmp_path / "link") as submission:
        assert [path.name for path in submission.data] == ["valid.json"]


@pytest.mark.parametrize("name", ["__init__.py", "homework/__init__.py"], ids=["itself", "below"])
def test_package_behind_a_link_is_none(tmp_path: Path, private: Path, name: str) -> None:
    """Its text would be the reader's."""
    place = tmp_path / "UTID" / name
    place.parent.mkdir(parents=True)
    place.symlink_to(private / "__init__.py")

    assert places(tmp_path / "UTID") == []


def test_package_is_no_environment(tmp_path: Path) -> None:
    """Whatever file is put into it, or beside it."""
    write(
        tmp_path, "pyvenv.cfg", "homework/__init__.py", "homework/pyvenv.cfg", "venv/pyvenv.cfg", "venv/x/__init__.py"
    )

    assert places(tmp_path) == ["homework"]
