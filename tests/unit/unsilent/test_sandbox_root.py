"""The new root holds what was asked for, under its own name, and can be told from the old one by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import unsilent
from unsilent import sandbox_root
from unsilent.sandbox import run_child
from unsilent.sandbox_cage import Cage

LOOK = """
import os

def run(question, tell, watch):
    found = {}
    for path in question["paths"]:
        try:
            found[path] = sorted(os.listdir(path)) if os.path.isdir(path) else open(path).read()
        except OSError as error:
            found[path] = type(error).__name__
    tell({"found": found, "owner": [os.stat(question["paths"][0]).st_uid, os.getuid()]})
"""


def seen(folder: Path, cage: Cage, *paths: Path) -> dict[str, Any]:
    """What stands in files, and lies in folders, by the last part of their names."""
    (folder / "root").mkdir()
    (folder / "script.py").write_text(LOOK)
    question = {"paths": [str(folder / "root"), *map(str, paths)]}
    child = run_child(folder / "script.py", question, root=folder / "root", seconds=30.0, cage=cage)
    if child.missing:
        pytest.skip(f"this system gives no cage: {child.error}")
    assert child.error == "", child.error
    owner, user = child.told[-1].content["owner"]
    assert owner == user
    return {Path(path).name: content for path, content in child.told[-1].content["found"].items()}


def test_private_files_can_be_read(tmp_path: Path) -> None:
    """Weights are often written with 0600, and folders with 0700: in the cage they are the new user's."""
    base = tmp_path / "base"
    base.mkdir(mode=0o700)
    (base / "model").write_text("weights")
    (base / "model").chmod(0o600)

    assert seen(tmp_path, Cage(readable=[base]), base / "model")["model"] == "weights"


def test_what_is_not_asked_for_is_not_there(tmp_path: Path) -> None:
    """Not even by its name, beside what is."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    found = seen(tmp_path, Cage(readable=[tmp_path / "one"]), tmp_path, tmp_path / "two")

    assert found == {"root": [], tmp_path.name: ["one", "root"], "two": "FileNotFoundError"}


def test_one_file_can_be_readable(tmp_path: Path) -> None:
    """And a link to it is one there as well."""
    (tmp_path / "data.json").write_text("[]")
    (tmp_path / "link.json").symlink_to("data.json")
    found = seen(tmp_path, Cage(readable=[tmp_path / "link.json"]), tmp_path / "link.json", tmp_path / "data.json")

    assert (found["link.json"], found["data.json"]) == ("[]", "[]")


def test_snapshot_of_the_hub(tmp_path: Path) -> None:
    """It holds links to blobs beside it; those can be read, and no other blob."""
    for name in ("blobs", "snapshots/main"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("used", "other"):
        (tmp_path / "blobs" / name).write_text(name)
    snapshot = tmp_path / "snapshots" / "main"
    (snapshot / "model").symlink_to("../../blobs/used")
    found = seen(tmp_path, Cage(readable=[snapshot]), snapshot / "model", tmp_path / "blobs")

    assert (found["model"], found["blobs"]) == ("used", ["used"])


@pytest.mark.parametrize("place", ["base", "base/snapshot", "elsewhere"])
def test_another_folder_in_its_place(tmp_path: Path, place: str) -> None:
    """Over one that can be seen, within one, or where there was none: under the same path, and the old one is not."""
    for name, content in (("base/snapshot", "old"), ("disturbed", "new")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "model").write_text(content)
    cage = Cage(readable=[tmp_path / "base"], over={tmp_path / place: tmp_path / "disturbed"})

    assert seen(tmp_path, cage, tmp_path / place / "model")["model"] == "new"


def test_system_call_that_fails_is_an_error() -> None:
    """With what it was for."""
    assert sandbox_root.must("anything", 3) == 3
    with pytest.raises(OSError, match="the old root: "):
        sandbox_root.must("the old root", -1)


def test_checker_is_covered(tmp_path: Path) -> None:
    """Where it lies within what can be seen, its folder is empty."""
    package = Path(unsilent.__file__).parent
    found = seen(tmp_path, Cage(readable=[package.parent / "unsilent"]), package)

    assert found["unsilent"] == []
