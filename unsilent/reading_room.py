"""Room to read somebody's code in: steps and seconds enough for any submission, and an end for all others.

Whoever reads says ``step`` for what is read and ``look`` for what is looked at again; both raise ``TooMuch`` when the
budget is spent. Outside of a room nothing is counted.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A submission of 500 lines takes about 20,000 steps from each of 10 entrances, our own 6,000 lines 900,000 from 25.
MOST_STEPS = 3_000_000
LONGEST = 30.0  # seconds of computing; our own code takes about 6
# Functions inside functions inside expressions: Python's own limit of 1000 is for code, not for reading code.
FRAMES = 20_000
GLANCE = 500  # steps between two looks at the clock


class TooMuch(Exception):
    """Reading took more steps, or more time, than any submission needs."""


class Budget:
    """Steps and seconds that are left."""

    def __init__(self, steps: float = math.inf, seconds: float = math.inf) -> None:
        self.steps = steps
        self.end = time.thread_time() + seconds
        self._next_look = GLANCE

    def step(self, count: int = 1) -> None:
        """Spend steps.

        Raises:
            TooMuch: When none is left, or the time is over.
        """
        self.steps -= count
        if self.steps < 0:
            raise TooMuch
        self.look(count)

    def look(self, count: int = 1) -> None:
        """Look at things again, which takes nothing but time.

        Raises:
            TooMuch: When the time is over.
        """
        self._next_look -= count
        if self._next_look <= 0:
            self._next_look = GLANCE
            if time.thread_time() > self.end:
                raise TooMuch


class _Room:
    budget = Budget()


def budget() -> Budget:
    """The budget of the room that is open; outside of one it has no end."""
    return _Room.budget


@contextmanager
def reading_room() -> Iterator[None]:
    """Open a room: a new budget, deeper nesting, and no search for garbage in what is kept until it is judged.

    That search would take more than half the time. Python is left as it was found.
    """
    before, collects, outer = sys.getrecursionlimit(), gc.isenabled(), _Room.budget
    sys.setrecursionlimit(max(before, FRAMES))
    gc.disable()
    _Room.budget = Budget(MOST_STEPS, LONGEST)
    try:
        yield
    finally:
        _Room.budget = outer
        if collects:
            if not gc.get_freeze_count():  # what is old need not be searched as if it were new
                gc.freeze()
                gc.unfreeze()
            gc.enable()
        sys.setrecursionlimit(before)
