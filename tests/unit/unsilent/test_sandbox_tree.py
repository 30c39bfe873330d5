"""A tree of processes is added up from what the kernel says, whoever leads them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unsilent import sandbox_tree
from unsilent.sandbox_tree import TreeWatch, below, held_by, share_left

HELD = "Name:\tx\nRssAnon: 100 kB\nRssFile: 7 kB\nRssShmem: 1 kB\nVmSwap: 3 kB\nThreads: 2\n"
PARENTS = {10: 1, 11: 10, 12: 11, 13: 1, 14: 12}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Five processes, one with an evil name, one that has ended between two looks, and one of which nothing is said."""
    for number, parent in PARENTS.items():
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} (a) 9 (b) S {parent} 0 0")
        (tmp_path / str(number) / "status").write_text(HELD)
    (tmp_path / "14" / "status").unlink()
    (tmp_path / "15").mkdir()
    (tmp_path / "15" / "stat").write_text("")
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\n\nMemFree: 1 kB\nMemAvailable: 250 kB\n")
    return tmp_path


def test_all_below_are_found(proc: Path) -> None:
    """Children, and theirs; not a stranger."""
    assert below(10, proc) == {10, 11, 12, 14}
    assert below(10, proc / "none") == {10}


def test_memory_is_what_is_no_file(proc: Path) -> None:
    """Of each that still says something; and so with its threads."""
    assert held_by(10, proc) == (3 * 104 * 1024, 6)


def test_share_of_memory_left(proc: Path, tmp_path: Path) -> None:
    """As the kernel estimates it; where it says nothing, nothing is known to be wrong."""
    assert share_left(proc) == 0.25
    assert share_left(tmp_path / "none") == 1.0
    (proc / "meminfo").write_text("MemTotal: many kB\n")
    assert share_left(proc) == 1.0


def test_a_real_tree_is_measured() -> None:
    """A child of a child that holds 50 MB."""
    held = "import time; held = b'x' * 50_000_000; print(flush=True); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        process.stdout.readline()
        (found, threads), family = held_by(process.pid), below(process.pid)
        os.killpg(process.pid, 9)

    if not Path("/proc/meminfo").exists():
        pytest.skip("this system says nothing about processes in /proc")
    assert len(family) == threads == 2
    assert 50_000_000 < found < 200_000_000


def test_watch_looks_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not so often that looking is what takes the time; a limit that is passed is said, and so is a full machine."""
    looks = []

    def held(number: int) -> tuple[int, int]:
        looks.append(number)
        time.sleep(0.05)
        return 10, 7

    monkeypatch.setattr(sandbox_tree, "held_by", held)
    watch = TreeWatch(5, memory=10, threads=5)

    assert [watch.too_much(), watch.too_much()] == ["", ""]
    assert looks == [5]
    assert watch.next - time.monotonic() > 0.5
    assert TreeWatch(5, memory=9, threads=5).too_much() == "it took more than 9e-09 GB of memory"
    assert TreeWatch(5, memory=10, threads=4).too_much() == "it had more than 4 processes"
    monkeypatch.setattr(sandbox_tree, "share_left", lambda: 0.04)
    assert TreeWatch(5, memory=10, threads=5).too_much() == "less than 5% of this machine's memory was left"
