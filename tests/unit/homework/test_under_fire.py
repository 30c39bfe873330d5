"""Whatever strikes during a save, the old adapter or the new one is whole afterwards; with real processes.

``tests/under_fire.py`` does the saving and the killing; here stand the verdicts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WAYS = pytest.mark.parametrize("way", [(), ("two-renames",)], ids=["exchange", "two renames"])

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked and killed")


def under_fire(*arguments: object, prefix: tuple[str, ...] = ()) -> dict[str, int]:
    """Run one mode of the program and read its figures."""
    command = [*prefix, sys.executable, "-W", "ignore", "tests/under_fire.py", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(figures, dict)
    return figures


def in_own_mounts(script: str) -> list[dict[str, int]]:
    """Run a shell script that may mount, in namespaces of its own, and read the JSON lines it prints."""
    unshare = shutil.which("unshare") or "false"
    options = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    if subprocess.run([unshare, *options, "true"], check=False).returncode:
        pytest.skip("this system gives a process no mounts of its own (unshare -m)")
    command = [unshare, *options, "sh", "-ec", script]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@WAYS
def test_death_at_every_file_operation(tmp_path: Path, way: tuple[str, ...]) -> None:
    """Killed before its first, second, ... last operation: never anything but the old or the new adapter."""
    found = under_fire("step", tmp_path / "out", *way)

    assert found["killed"] > 30
    assert "broken" not in found
    assert found["old"] + found["new"] == found["killed"] + 1
    assert found["left behind"] == 0
    assert found.get("put right by the command", 0) == len(way), "only between two renames is the place ever empty"


@WAYS
def test_death_at_random_moments(tmp_path: Path, way: tuple[str, ...]) -> None:
    """The short run of the next test."""
    must_hold(under_fire("kill", tmp_path / "out", 25, *way), 25)


@pytest.mark.slow
@WAYS
def test_two_hundred_deaths(tmp_path: Path, way: tuple[str, ...]) -> None:
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
def test_two_processes_saving_to_one_place(tmp_path: Path, way: tuple[str, ...]) -> None:
    """The last one wins, whole; without leave to overwrite one wins and the other is kept beside it, whole too."""
    found = under_fire("race", tmp_path / "out", 20, *way)

    assert found["last"] in (39, 40)
    assert found["winner"] in (1, 2)
    assert (found["kept"], found["kept is the other"], found["left behind"]) == (1, 1, 0)


def test_full_disk(tmp_path: Path) -> None:
    """With less room than an adapter needs, page by page: refused in words, the old one whole, the new one kept."""
    mount = tmp_path / "small"
    mount.mkdir()
    (found,) = in_own_mounts(
        f"mount -t tmpfs -o size=1m none {mount}\n{sys.executable} -W ignore tests/under_fire.py disk {mount}/out"
    )

    assert "broken" not in found
    assert found["refused"] >= 10
    assert found["saved"] >= 10
    assert found["refused"] == found["kept elsewhere"] == found["no space"]
    assert found["left behind"] == 0


def test_read_only_folder(tmp_path: Path) -> None:
    """Refused before training; and at its end, where the adapter is kept elsewhere."""
    mount = tmp_path / "frozen"
    mount.mkdir()
    program = f"{sys.executable} -W ignore tests/under_fire.py"
    (found,) = in_own_mounts(
        f"mount -t tmpfs -o size=1m none {mount}\n{program} prepare {mount}/out\n"
        f"mount -o remount,ro {mount}\n{program} readonly {mount}/out"
    )

    assert found == {"refused": 2, "kept elsewhere": 1, "whole": 1}
