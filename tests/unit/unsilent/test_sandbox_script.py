"""The walls stand with and without the kernel's help, before a script runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from unsilent import sandbox, sandbox_script
from unsilent.closure import Closure
from unsilent.sandbox import run_child

NOTHING = Closure(frozenset(), frozenset(), ())
SCRIPT = """
import os, socket, tempfile

def run(question, tell, watch):
    watch.phase = "trying"
    for act in (
        lambda: open("new", "w"),
        lambda: os.mkdir("folder"),
        lambda: os.remove("script.py"),
        lambda: socket.create_connection(("1.2.3.4", 80), timeout=5),
        lambda: socket.getaddrinfo("example.com", 80),
        lambda: tempfile.mkdtemp(),
    ):
        try:
            act()
            tell({"done": True})
        except OSError as error:
            tell({"error": type(error).__name__})
    tell({"modules": [name for name in ("_virtualenv", "coverage", "pytest") if name in __import__("sys").modules]})
"""


@pytest.fixture(params=["both layers", "the second alone"])
def _layers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As here, and as where no namespace can be had."""
    if request.param == "both layers":
        return
    copy = tmp_path / "scripts"
    copy.mkdir()
    for path in sandbox_script.HERE.glob("sandbox_*.py"):
        shutil.copy(path, copy)
    (copy / "sandbox_walls.py").write_text("def enclose(scratch):\n    return []\n\ndef end_with_parent():\n    pass\n")
    monkeypatch.setattr(sandbox, "SCRIPT", copy / "sandbox_script.py")


@pytest.mark.usefixtures("_layers")
def test_everything_is_refused_and_told(tmp_path: Path) -> None:
    """Each by an OSError, as on a system without network and without write access."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "script.py").write_text(SCRIPT)
    child = run_child(root / "script.py", {}, root=root, seconds=60.0, packages=NOTHING)
    lines: list[dict[str, Any]] = [dict(line.content) for line in child.told]
    refused = [line["refused"] for line in lines if "refused" in line]

    assert child.error == ""
    assert child.protections[-2:] == ("a finder that hides other packages", "an audit hook")
    assert [line["error"] for line in lines if "error" in line] == [*["OSError"] * 4, "gaierror", "FileNotFoundError"]
    assert [one["what"] for one in refused[:5]] == ["new", "folder", "script.py", "1.2.3.4:80", "example.com"]
    assert {one["where"].partition(":")[0] for one in refused} == {"script.py"}
    assert not any("done" in line for line in lines)
    assert lines[-1] == {"modules": []}
    assert [path.name for path in root.iterdir()] == ["script.py"]
