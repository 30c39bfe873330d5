"""Files are found and parsed whatever they hold, and what is left out is said with its reason."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from unsilent import sources
from unsilent.sources import find_sources


def test_packages_and_modules_have_their_names(tmp_path: Path) -> None:
    """A package is named by its folder; test code is told apart; tools' folders and hidden ones are left out."""
    for name in (
        "hw/__init__.py",
        "hw/sft.py",
        "hw/tests/x.py",
        "test_a.py",
        "b_test.py",
        "conftest.py",
        "venv/y.py",
        ".git/z.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    tree = find_sources(tmp_path)

    assert sorted(tree.sources) == ["b_test", "conftest", "hw", "hw.sft", "hw.tests.x", "test_a"]
    assert {name for name, source in tree.sources.items() if source.is_test} == {
        "b_test",
        "conftest",
        "hw.tests.x",
        "test_a",
    }
    assert tree.sources["hw"].is_package
    assert (tree.code_at("hw/sft.py", 1), tree.code_at("hw/sft.py", 9), tree.code_at("no.py", 1)) == ("x = 1", "", "")


def test_names_are_found_from_the_package_and_from_above(tmp_path: Path) -> None:
    """``homework.sft`` is found whether the package was named or the folder that holds it."""
    package = tmp_path / "homework"
    package.mkdir()
    for name in ("__init__.py", "sft.py"):
        (package / name).touch()

    for folder, name in ((tmp_path, "homework.sft"), (package, "sft")):
        tree = find_sources(folder)
        for wanted in ("homework.sft", "sft"):
            found = tree.find(wanted)
            assert found is not None
            assert found.name == name
    assert tree.find("homework") is tree.sources[""]
    assert tree.find("homework.other") is None
    assert tree.find("torch") is None
    assert tree.find("") is tree.sources[""]


BAD = {
    "syntax": (b"def f(:\n", "syntax error in line 1"),
    "null bytes": (b"x = 1\0\n", "null bytes"),
    "not UTF-8": (b"x = '\xff\xfe'\n", "syntax error|not text"),
    "not UTF-8 further on": (b"x = 1\n\n\n# \xff\n", "not text in the encoding"),
    "unknown encoding": (b"# -*- coding: klingon -*-\n", "unknown encoding|could not be read"),
    "too large": (b"#" * 20_000, "20000 bytes, more than 10000"),
    "brackets": (b"x = " + b"(" * 400, "syntax error|nested too deeply"),
    "operators": (b"x = " + b"-" * 900 + b"1", "syntax tree|nested too deeply"),
    "attributes": (b"x = " + b"a." * 4_000 + b"b", "nested too deeply|syntax tree"),
    "many nodes": (b"x=1\n" * 200, "syntax tree of"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_bad_files_are_said(tmp_path: Path, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No content raises; the reason names the limit or the error."""
    monkeypatch.setattr(sources, "LARGEST_FILE", 10_000)
    monkeypatch.setattr(sources, "MOST_NODES", 500)
    (tmp_path / "bad.py").write_bytes(content)
    (tmp_path / "good.py").write_text("x = 1\n")
    tree = find_sources(tmp_path)

    assert list(tree.sources) == ["good"]
    assert re.search(reason, tree.unread["bad.py"]), tree.unread


def test_file_that_the_system_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's words."""

    def refuse(_: Path) -> bytes:
        raise PermissionError("not yours")

    (tmp_path / "bad.py").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)

    assert find_sources(tmp_path).unread == {"bad.py": "could not be read: not yours"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link may lead anywhere."""
    (tmp_path / "real.txt").write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "real.txt")
    (tmp_path / "folder.py").mkdir()

    assert find_sources(tmp_path).unread == {"link.py": "a link or no plain file, not followed"}


def test_limits_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More files than anybody submits, or more entries, end the search, and that is said."""
    for number in range(4):
        (tmp_path / f"m{number}.py").touch()
    monkeypatch.setattr(sources, "MOST_FILES", 2)
    assert find_sources(tmp_path).unread == dict.fromkeys(["m2.py", "m3.py"], "more than 2 Python files")
    monkeypatch.setattr(sources, "MOST_ENTRIES", 3)

    assert "more than 3 files and folders" in find_sources(tmp_path).unread["."]


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    """It is said, and nothing raised."""
    tree = find_sources(tmp_path / "nothing")

    assert not tree.sources
    assert "nothing" in tree.unread["."]


def write(folder: Path, *files: str) -> Path:
    """Files with a line of code in them."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")
    return folder


def test_package_is_read_whatever_its_folders_are_called(tmp_path: Path) -> None:
    """From there they can be imported; beside a package they are somebody's tools, and so is an environment."""
    write(tmp_path, "hw/__init__.py", "hw/build/a.py", "hw/env/deep/b.py", "hw/own/c.py", "build/d.py")
    write(tmp_path, "dist/__init__.py", "hw/pyvenv.cfg", "hw/own/pyvenv.cfg", "hw/site-packages/e.py")
    tree = find_sources(tmp_path)

    assert sorted(tree.sources) == ["dist", "hw", "hw.build.a", "hw.env.deep.b"]
    assert [place.name for place in tree.left_out] == ["build", "site-packages", "own"]


def test_package_is_read_before_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding beside it hides nothing of it."""
    write(tmp_path, *(f"a/m{number}.py" for number in range(4)), "hw/__init__.py")
    monkeypatch.setattr(sources, "MOST_FILES", 1)

    assert list(find_sources(tmp_path).sources) == ["hw"]


def test_code_without_a_source_is_said(tmp_path: Path) -> None:
    """Bytecode that can be imported, and compiled modules; not what Python itself has put aside."""
    write(tmp_path, "a.pyc", "b.py", "b.pyc", "c.cpython-311-x86_64-linux-gnu.so", "hw/__pycache__/d.cpython-311.pyc")

    assert find_sources(tmp_path).unread == {
        "a.pyc": "bytecode without its source",
        "c.cpython-311-x86_64-linux-gnu.so": "compiled, without a source that says what it does",
    }


def test_folder_that_cannot_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, with the system's words."""
    write(tmp_path, "hw/__init__.py")
    scandir = os.scandir

    def refuse(place: str) -> object:
        if Path(place).name == "hw":
            raise PermissionError(13, "not yours", place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)

    assert "not yours" in find_sources(tmp_path).unread["hw"]
