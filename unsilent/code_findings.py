"""A finding in somebody's code: which failure, where, how sure, and how the value got there.

Rules yield ``Finding``s; ``submission_code`` makes outcomes of them. What two rules, or two entrances, say of the same
failure at the same line is said once, by the surer one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .symbols import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .entry_points import Run
    from .sources import SourceTree
    from .symbols import Choice

Sure = Literal["certain", "likely", "possible"]
PARTS = ("sft", "rft", "cot")
SURENESS: tuple[Sure, ...] = ("certain", "likely", "possible")


@dataclass(frozen=True)
class Finding:
    """A fault in the code.

    Attributes:
        slug: Which failure it is.
        site: The line that a reviewer would point at.
        sure: ``certain``, ``likely``, or only ``possible``.
        expected: What healthy code has there.
        got: What stands there.
        action: What to do.
        path: How the value got there, from where it is written.
        entrance: From where the line is reached.
    """

    slug: str
    site: Site
    sure: Sure
    expected: str
    got: str
    action: str
    path: tuple[str, ...] = ()
    entrance: str = ""


@dataclass(frozen=True)
class Reading:
    """What the rules look at: the files, and what was met from each entrance."""

    tree: SourceTree
    runs: list[Run]


if TYPE_CHECKING:
    Rule = Callable[[Reading], Iterator[Finding]]


def certainty(choice: Choice | None) -> Sure:
    """Certain where a value stands under no condition, else likely."""
    return "likely" if choice is not None and choice.guards else "certain"


def part_of(run: Run) -> str:
    """The part of the course that an entrance names: its own name first, ``load_rft``, else its module's."""
    for name in (run.name.rpartition(".")[2], run.name):
        named = [part for part in PARTS if part in name]
        if len(named) == 1:
            return named[0]
    return ""


def concerns(run: Run, part: str) -> bool:
    """Whether a run is about this part of the course; one that names no part is about each."""
    return part_of(run) in {part, ""}


def assigned_at(choice: Choice) -> Site:
    """The line in which a value got its last name; where it was written, if it got none."""
    steps = [re.fullmatch(r"\w+ \((.+):(\d+)\)", step) for step in choice.path]
    named = [found for found in steps if found]
    return Site(named[-1][1], int(named[-1][2])) if named else choice.site
