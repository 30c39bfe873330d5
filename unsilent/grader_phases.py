"""What the process of a submission tells of its phases, believed in the order in which they were asked for.

The lines come out of a process in which somebody's code runs, and which can write whatever it likes among them. So each
phase begins once and ends once, in turn; a line that is out of turn changes nothing, and grants no time. What an end
holds is taken as a stranger's text is: so many plain numbers, and a count that a model can have.

    limits = limits_of({"import": 120.0, "sft": 900.0}, between=120.0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

BEGIN, LOADED, END = "begin", "loaded", "end"
MOST_PARAMETERS = 10**13  # ten times the largest model of today; none of a submission's fits beside that


class Phases:
    """Where a process is among the phases that it was asked for."""

    def __init__(self, names: Iterable[str]) -> None:
        """Begin before the first of them."""
        self.left = list(names)
        self.current = ""
        self.has_loaded = False

    def follow(self, line: Mapping[str, Any]) -> str:
        """Say what a line means: ``begin``, ``loaded`` or ``end`` of a phase whose turn it is; empty for all else."""
        if not self.current:
            if not self.left or line.get(BEGIN) != self.left[0]:
                return ""
            self.current, self.has_loaded = self.left.pop(0), False
            return BEGIN
        if line.get(END) == self.current:
            self.current = ""
            return END
        if line.get(LOADED) == self.current and not self.has_loaded:
            self.has_loaded = True
            return LOADED
        return ""


def limits_of(seconds: Mapping[str, float], *, between: float) -> Callable[[Mapping[str, Any]], float | None]:
    """Grant each phase its time once, so that a process has no more than their sum, whatever it tells.

    Args:
        seconds: Of each phase, by its name, in the order in which they are asked for.
        between: Seconds from the end of one to the beginning of the next, or to the end of the process.

    Returns:
        What ``run_child`` asks with every line, of one process.
    """
    phases = Phases(seconds)

    def limit_of(line: Mapping[str, Any]) -> float | None:
        event = phases.follow(line)
        if event == BEGIN:
            return seconds[phases.current]
        return between if event == END else None

    return limit_of


def plain_count(given: object) -> int | None:
    """Take a number of parameters from a line that was told; None for what no model has."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < MOST_PARAMETERS:
        return given
    return None
