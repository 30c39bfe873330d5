"""Whatever strikes during a save, the old adapter or the new one is whole afterwards; with real processes.

``tests/under_fire.py`` does the saving and the killing; here stand the verdicts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WAYS = pytest.mark.parametrize("way", [(), ("two-renames",)], ids=["exchange", "two renames"])

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked and killed"),
    pytest.mark.no_cover,  # most of what runs here is killed before it could tell
]


class Program:
    """``tests/under_fire.py``, which imports torch once and runs every mode in a process of its own.

    Attributes:
        may_mount: It has mounts of its own, where the system gives a process such.
    """

    def __init__(self, complaints: Path) -> None:
        """Start it, with its complaints in a file."""
        unshare = shutil.which("unshare") or "false"
        own_mounts = [unshare, "-m"] if os.geteuid() == 0 else [unshare, "-Urm"]
        self.may_mount = subprocess.run([*own_mounts, "true"], check=False, capture_output=True).returncode == 0
        command = [sys.executable, "-W", "ignore", "tests/under_fire.py", "serve"]
        self._complaints = complaints
        with complaints.open("w") as stderr:
            self._process = subprocess.Popen(
                [*own_mounts, *command] if self.may_mount else command,
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def __call__(self, *arguments: object) -> dict[str, int]:
        """Run one mode and read its figures."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self._process.stdin.flush()
        figures = json.loads(self._process.stdout.readline() or '{"died": 0}')
        assert isinstance(figures, dict)
        assert "died" not in figures, self._complaints.read_text()
        return figures

    def end(self) -> None:
        """Let it end: there is no further line."""
        self._process.communicate()


@pytest.fixture(scope="module")
def under_fire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program, for all tests here."""
    program = Program(tmp_path_factory.mktemp("under_fire") / "stderr.txt")
    yield program
    program.end()


@pytest.fixture
def small_disk(under_fire: Program, tmp_path: Path) -> Path:
    """A file system of 1 MB that only the program sees; skipped where it may not mount."""
    if not under_fire.may_mount:
        pytest.skip("this system gives a process no mounts of its own (unshare -m)")
    folder = tmp_path / "small"
    folder.mkdir()
    assert under_fire("mount", folder, "-t", "tmpfs", "-o", "size=1m", "none") == {"status": 0}
    return folder


@WAYS
def test_death_at_every_file_operation(under_fire: Program, tmp_path: Path, way: tuple[str, ...]) -> None:
    """Killed before its first, second, ... last operation: never anything but the old or the new adapter."""
    found = under_fire("step", tmp_path / "out", *way)

    assert found["killed"] > 30
    assert "broken" not in found
    assert found["old"] + found["new"] == found["killed"] + 1
    assert found["left behind"] == 0
    assert found.get("put right by the command", 0) == len(way), "only between two renames is the place ever empty"


@WAYS
def test_death_at_random_moments(under_fire: Program, tmp_path: Path, way: tuple[str, ...]) -> None:
    """The short run of the next test."""
    must_hold(under_fire("kill", tmp_path / "out", 25, *way), 25)


@pytest.mark.slow
@WAYS
def test_two_hundred_deaths(under_fire: Program, tmp_path: Path, way: tuple[str, ...]) -> None:
    """At least 200 processes die while they save, wherever that may be."""
    found = under_fire("kill", tmp_path / "out", 500, *way)

    must_hold(found, 500)
    assert found["killed"] >= 200


def must_hold(found: dict[str, int], times: int) -> None:
    """What holds after any number of kills."""
    assert found["killed"] > 0
    assert "broken" not in found
    assert found["old"] + found["new"] == times
    assert found["left behind"] == 0


@WAYS
def test_two_processes_saving_to_one_place(under_fire: Program, tmp_path: Path, way: tuple[str, ...]) -> None:
    """The last one wins, whole; without leave to overwrite one wins and the other is kept beside it, whole too."""
    found = under_fire("race", tmp_path / "out", 20, *way)

    assert found["last"] in (39, 40)
    assert found["winner"] in (1, 2)
    assert (found["kept"], found["kept is the other"], found["left behind"]) == (1, 1, 0)


def test_full_disk(under_fire: Program, small_disk: Path) -> None:
    """With less room than an adapter needs, page by page: refused in words, the old one whole, the new one kept."""
    found = under_fire("disk", small_disk / "out")

    assert "broken" not in found
    assert found["refused"] >= 10
    assert found["saved"] >= 10
    assert found["refused"] == found["kept elsewhere"] == found["no space"]
    assert found["left behind"] == 0


def test_read_only_folder(under_fire: Program, small_disk: Path) -> None:
    """Refused before training; and at its end, where the adapter is kept elsewhere."""
    under_fire("prepare", small_disk / "out")
    assert under_fire("mount", small_disk, "-o", "remount,ro") == {"status": 0}

    assert under_fire("readonly", small_disk / "out") == {"refused": 2, "kept elsewhere": 1, "whole": 1}
