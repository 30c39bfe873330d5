"""Of code that could not be read, what runs is told from what lies about."""

from __future__ import annotations

from pathlib import Path

import pytest

from unsilent.sources import find_sources
from unsilent.unread_code import FOREIGN, unread_that_runs

BY_CALL = "import importlib\nimportlib.import_module('.x', 'hw')\n"
LOADER = "def load_sft():\n    return 1\n"
BAD = "def f(:"


def unread(folder: Path, files: dict[str, str]) -> set[str]:
    """What counts of a submission with these files in a package."""
    for name, text in {"hw/__init__.py": LOADER, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return set(unread_that_runs(find_sources(folder)))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"hw/__init__.py": BAD}, "hw/__init__.py"),
        ({"hw/sft.py": BAD}, "hw/sft.py"),
        ({"hw/__init__.py": f"from .x import y\n{LOADER}", "hw/x.py": BAD}, "hw/x.py"),
        ({"hw/__init__.py": f"import hw.x\n{LOADER}", "hw/x.py": BAD}, "hw/x.py"),
        ({"hw/__init__.py": BY_CALL + LOADER, "hw/x.py": BAD}, "hw/x.py"),
        ({"hw/fast.so": ""}, "hw/fast.so"),
        ({"hw/parts/x.pyc": "", "hw/parts/__init__.py": ""}, "hw/parts/x.pyc"),
        ({"hw/__init__.py": f"import x\n{LOADER}", "x.pyc": ""}, "x.pyc"),
        ({"hw/__init__.py": f"from build.x import y\n{LOADER}", "build/x.py": ""}, "build"),
        ({"hw/__init__.py": f"sys.path.append('.own')\nimport x\n{LOADER}", ".own/x.py": ""}, ".own"),
        ({"hw/__init__.py": f"sys.path.append('build')\nimport x\n{LOADER}", "build/x.py": ""}, "build"),
    ],
    ids=[
        "package", "part", "from", "import", "by a call", "compiled", "bytecode", "beside", "folder", "hidden", "path",
    ],
)  # fmt: skip
def test_unread_code_that_runs_counts(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    """An entry point, or imported by code that was read, in whatever way."""
    assert unread(tmp_path, files) == {expected}


@pytest.mark.parametrize(
    "files",
    [
        {"hw/notes.py": BAD},
        {"hw/tests/sft.py": BAD},
        {"hw/old/sft.py": BAD},
        {"native.so": ""},
        {"build/x.py": ""},
        {"hw/__init__.py": f"from . import x\n{LOADER}", "hw/x.py": "", "build/x.py": ""},
    ],
    ids=["nowhere imported", "test", "set aside", "library", "tools", "of the same name"],
)
def test_unread_code_that_lies_about_does_not(tmp_path: Path, files: dict[str, str]) -> None:
    """It is dead, as code is that can be read."""
    assert unread(tmp_path, files) == set()


def test_end_of_the_search_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what lies behind it."""
    monkeypatch.setattr("unsilent.sources.MOST_ENTRIES", 0)

    assert unread(tmp_path, {}) == {"."}


@pytest.mark.parametrize(
    "line", ["from .inner import x", "sys.path.append('hw/inner')\nimport x"], ids=["name", "path"]
)
def test_linked_folder_counts(tmp_path: Path, line: str) -> None:
    """No link is followed, wherever it leads."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.py").touch()
    (tmp_path / "UTID" / "hw").mkdir(parents=True)
    (tmp_path / "UTID" / "hw" / "inner").symlink_to(tmp_path / "elsewhere")

    assert unread(tmp_path / "UTID", {"hw/__init__.py": f"{line}\n{LOADER}"}) == {"hw/inner"}


def test_folder_has_its_reason(tmp_path: Path) -> None:
    """It is no file that could not be read."""
    unread(tmp_path, {"hw/__init__.py": f"import env.x\n{LOADER}", "env/x.py": ""})

    assert unread_that_runs(find_sources(tmp_path)) == {"env": FOREIGN}
