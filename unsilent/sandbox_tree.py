"""The processes below one, whoever they have made their leader: how many they are, and how much memory they hold.

A limit of the kernel on memory is one for each process, and many small ones share none; the one on processes does not
hold root, not even that of a container. So the tree is added up from outside, by what ``/proc`` says; where there is
none, nothing is known and nothing is ended. What the kernel holds for them, as what is on its way between sockets, is
counted nowhere: that shows only in what is left to the machine.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

PROC = Path("/proc")
# Of what a process holds, what is not the content of a file; also where it was swapped out, and the tables of pages.
OWN = (b"RssAnon:", b"RssShmem:", b"VmSwap:", b"VmPTE:")
THREADS = b"Threads:"
WAITING = 2  # processes of our own
OFTEN = 0.2  # seconds between two looks; two cores fill half a gigabyte in that time
LEAST_LEFT = 0.05  # of the machine's memory; sockets, as many as a cage allows, hold 4 GB
SHARE = 20  # of the time that looking may take: one part in as many, on a machine with many processes


def below(number: int, proc: Path = PROC) -> set[int]:
    """Every process that a process has started, and they, and so on; itself included."""
    children: dict[int, list[int]] = {}
    for name in os.listdir(proc) if proc.is_dir() else ():  # noqa: PTH208 - pathlib takes three times as long
        with contextlib.suppress(OSError, ValueError, IndexError):  # no process, or one that has ended
            parent = _read(proc, int(name), "stat").rpartition(b")")[2].split(maxsplit=2)[1]
            children.setdefault(int(parent), []).append(int(name))
    found, left = set[int](), [number]
    while left:
        found.add(one := left.pop())
        left += children.pop(one, ())
    return found


def held_by(number: int, proc: Path = PROC) -> tuple[int, int]:
    """Bytes that a process holds with every other below it, and how many threads all of them have."""
    held, threads = 0, 0
    for one in below(number, proc):
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = [line.split() for line in _read(proc, one, "status").splitlines()]
            held += sum(1024 * int(line[1]) for line in lines if line[0] in OWN)
            threads += sum(int(line[1]) for line in lines if line[0] == THREADS)
    return held, threads


def _read(proc: Path, number: int, name: str) -> bytes:
    with open(f"{proc}/{number}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - as above
        return file.read()


def share_left(proc: Path = PROC) -> float:
    """How much of the machine's memory is left to whoever asks for it; all of it where that is not known."""
    try:
        lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
        known = {line[0]: int(line[1]) for line in lines if len(line) > 1}
        return known["MemAvailable:"] / known["MemTotal:"]
    except (OSError, ValueError, KeyError):
        return 1.0


class TreeWatch:
    """Looks at a tree now and then, and says when it is too large."""

    def __init__(self, number: int, memory: float, threads: float) -> None:
        """Watch a process and all below it, which may hold so many bytes and threads together."""
        self.number, self.memory, self.threads = number, memory, threads
        self.next = 0.0

    def too_much(self) -> str:
        """Look, if it is time; what was found to be too much, in words."""
        began = time.monotonic()
        if began < self.next:
            return ""
        (held, threads), left = held_by(self.number), share_left()
        now = time.monotonic()
        self.next = now + max(OFTEN, SHARE * (now - began))
        if held > self.memory:
            return f"it took more than {self.memory / 1e9:g} GB of memory"
        if threads > self.threads + WAITING:
            return f"it had more than {self.threads:g} processes"
        return f"less than {LEAST_LEFT:.0%} of this machine's memory was left" if left < LEAST_LEFT else ""
