"""Hear what a process behind the walls tells and prints, and end it where that, or anything else, becomes too much.

What comes is believed no more than a stranger's text: lines of JSON, of which objects are kept, and no more of either
than was agreed. Time counts by the clock of this process. What held while it ran is taken from the first line alone,
which is told before anything of the submission runs.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from .sandbox_tree import TreeWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .sandbox_cage import Cage

LARGEST_TOLD = 10_000_000  # bytes of answers: 1000 rows need 20 kB
KEPT_OUTPUT = 4_000  # bytes of what is printed, the last ones
LONGEST_ERROR = 1_000  # characters; our own are shorter
TICK = 0.1  # seconds after which a process that has ended, but left its pipes to others, is noticed


@dataclass(frozen=True)
class Told:
    """One line that the script told, and when: in seconds since the process was started, by the clock of this one."""

    at: float
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Child:
    """What came of a process behind the walls."""

    told: tuple[Told, ...]
    error: str
    """Why it did not end by itself, or not well; empty where it did."""
    output: str
    """The end of what it printed."""
    seconds: float

    @property
    def protections(self) -> tuple[str, ...]:
        """What held, in words: told before anything of the submission could tell something else."""
        return self._first("protections")

    @property
    def missing(self) -> tuple[str, ...]:
        """Protections for want of which nothing of the submission was run; as ``protections``."""
        return self._first("missing")

    def _first(self, name: str) -> tuple[str, ...]:
        first = self.told[0].content.get(name) if self.told else None
        return tuple(map(str, first)) if isinstance(first, list) else ()


def plain_answers(given: object, count: int) -> tuple[float | None, ...] | None:
    """Take answers from a line that was told: finite numbers, None for all else; None where they are not so many."""
    if not isinstance(given, list) or len(given) != count:
        return None
    return tuple(_finite(one) for one in given)


def _finite(one: object) -> float | None:
    if isinstance(one, int | float) and not isinstance(one, bool):
        with contextlib.suppress(OverflowError):  # an integer of a thousand digits
            return float(one) if math.isfinite(one) else None
    return None


class Listener:
    """Reads what a process tells and prints, until it ends or must be ended."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        seconds: float,
        next_limit: Callable[[Mapping[str, Any]], float | None],
        cage: Cage | None = None,
    ) -> None:
        """Begin to count the time.

        Args:
            process: With three pipes.
            seconds: How long it may take until its end, or until ``next_limit`` says otherwise.
            next_limit: Asked with every line that is told; a number is how long it may take from there on.
            cage: Whose limits hold as well.
        """
        self.process, self.next_limit, self.cage = process, next_limit, cage
        self.started = time.monotonic()
        self.limit, self.since = seconds, self.started
        self.told: list[Told] = []
        self.size = self.lines = self.printed = 0
        self.line = b""
        self.output = b""
        self.tree = TreeWatch(process.pid, cage.memory, cage.processes) if cage else None

    def listen(self, asked: str) -> Child:
        """Hand over the question and take everything that comes back."""
        assert self.process.stdin  # noqa: S101 - for mypy: all three are pipes
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(asked.encode())
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with selectors.DefaultSelector() as selector:
            for pipe, take in ((self.process.stdout, self._take_lines), (self.process.stderr, self._take_output)):
                selector.register(_must(pipe), selectors.EVENT_READ, take)
            error = self._read(selector)
        output = self.output.decode(errors="replace").strip()
        return Child(tuple(self.told), error, output, time.monotonic() - self.started)

    def _read(self, selector: selectors.BaseSelector) -> str:
        """Read until the process has ended and no more is there; why, if it was stopped."""
        while True:
            has_ended = self.process.poll() is not None
            ready = selector.select(0 if has_ended else TICK) if selector.get_map() else []
            for key, _ in ready:
                blob = os.read(key.fd, 1 << 16)
                key.data(blob)
                if not blob:
                    selector.unregister(key.fileobj)
            if why := self._too_much():
                return f"it was ended: {why}"
            if has_ended and not ready:
                break
            if not selector.get_map():  # it has closed its pipes, and ends, or goes on
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(TICK)
        status = self.process.returncode
        if status:
            return f"the process ended by {_signal(-status)}" if status < 0 else f"the process ended with {status}"
        failed = next((str(line.content["failed"]) for line in self.told if "failed" in line.content), "")
        return failed[:LONGEST_ERROR]

    def _too_much(self) -> str:
        """What went beyond a limit, in words."""
        now, cage = time.monotonic(), self.cage
        if self.size > (largest := cage.told if cage else LARGEST_TOLD):
            return f"it told more than {largest / 1e6:g} MB"
        if now > self.since + self.limit:
            return f"still running after {self.limit:g} s"
        return self._too_much_for(cage, self.tree, now) if cage and self.tree else ""

    def _too_much_for(self, cage: Cage, tree: TreeWatch, now: float) -> str:
        if self.lines > cage.lines:
            return f"it told more than {cage.lines} lines"
        if self.printed > cage.printed:
            return f"it printed more than {cage.printed / 1e6:g} MB"
        if now > self.started + cage.seconds:
            return f"still running after {cage.seconds:g} s in all"
        return tree.too_much()

    def _take_lines(self, blob: bytes) -> None:
        self.size += len(blob)
        *lines, self.line = (self.line + blob).split(b"\n")
        self.lines += len(lines)
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):  # whatever else the submission wrote there
                content = json.loads(line)
                if isinstance(content, dict):
                    now = time.monotonic()
                    self.told.append(Told(now - self.started, content))
                    if (limit := self.next_limit(content)) is not None:
                        self.limit, self.since = limit, now

    def _take_output(self, blob: bytes) -> None:
        self.printed += len(blob)
        self.output = (self.output + blob)[-KEPT_OUTPUT:]


def _must(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe  # noqa: S101 - for mypy
    return pipe


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
