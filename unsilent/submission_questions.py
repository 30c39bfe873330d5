"""What a submission is asked when it is run: rows with their answers, and questions that nobody has asked before.

The rows of ``--data``, else those that came with the submission, else conversions that anybody knows. Every run of a
part is asked the same, in the same order; the new questions are drawn by chance, so that no table holds them.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .asking import usable_rows
from .fresh_questions import OF_A_KIND, OWN, PAIRED, own_units, proportional_source
from .gate_subject import GateUnusable, read_rows

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .asking import Row
    from .submission import Opened

FEWEST = 20  # rows of a file that came along; fewer show nothing, and may be an example
DRAWN = 4 * OF_A_KIND  # as many are tried: most pairings of few wordings and few numbers are rows themselves
NUMBERS = range(1, 11)  # as the course's own rows have them
# One of the first is so many of the second, by definition; names as the course's rows spell them.
CONVERSIONS = (
    ("km", "m", 1000.0),
    ("m", "cm", 100.0),
    ("m", "mm", 1000.0),
    ("cm", "mm", 10.0),
    ("yd", "ft", 3.0),
    ("ft", "in", 12.0),
    ("kg", "g", 1000.0),
    ("h", "min", 60.0),
    ("min", "s", 60.0),
    ("days", "h", 24.0),
    ("weeks", "days", 7.0),
    ("centuries", "years", 100.0),
    ("L", "mL", 1000.0),
    ("byte", "bit", 8.0),
    ("MB", "KB", 1000.0),
    ("GB", "MB", 1000.0),
)
WORDINGS = (
    "How many {other} are in {number} {one}?",
    "Convert {number} {one} to {other}.",
    "What is {number} {one} in {other}?",
)


@dataclass(frozen=True)
class Questions:
    """What is asked.

    Attributes:
        rows: Question and right answer.
        fresh: New ones, by kind.
        others: Right answers of all rows there are, of which a disturbed one may hit any by chance.
        source: Where the rows come from, in words.
        file: The same as a file; None where nobody wrote one.
    """

    rows: tuple[Row, ...]
    fresh: Mapping[str, tuple[Row, ...]]
    others: tuple[float, ...]
    source: str
    file: Path | None = None

    @property
    def texts(self) -> list[str]:
        """Everything that is asked."""
        return [question for question, _ in (*self.rows, *itertools.chain(*self.fresh.values()))]


def choose_questions(
    submission: Opened, data: Path | None, *, count: int, rng: random.Random, fresh: bool = True
) -> Questions:
    """Choose what is asked.

    Args:
        submission: May bring rows of its own.
        data: A JSON list of rows; None for what comes along, or what anybody knows.
        count: How many rows at most, the first ones, as the grader takes them.
        rng: Draws what is drawn.
        fresh: Whether new questions are asked, too.

    Raises:
        GateUnusable: ``data`` holds no rows.
    """
    rows, source, file = _rows(submission, data, rng)
    new: dict[str, tuple[Row, ...]] = {}
    if fresh:
        draw = proportional_source(rows)
        new = {PAIRED: tuple(draw(PAIRED, DRAWN, rng)[:OF_A_KIND])} if draw else {}
        new[OWN] = tuple(own_units(OF_A_KIND, rng))
    return Questions(tuple(rows[:count]), new, tuple(answer for _, answer in rows), source, file)


def _rows(submission: Opened, data: Path | None, rng: random.Random) -> tuple[list[Row], str, Path | None]:
    if data:
        return usable_rows(read_rows(data, "name a JSON file of such rows with --data")), str(data), data
    for path in submission.data:
        with contextlib.suppress(GateUnusable):
            found: Sequence[Sequence[Any]] = read_rows(path)
            if len(found) >= FEWEST:
                return usable_rows(found), f"{submission.shown(str(path))}, which came with it", path
    made = [
        (wording.format(one=one, other=other, number=number), number * factor)
        for one, other, factor in CONVERSIONS
        for number in NUMBERS
        for wording in WORDINGS
    ]
    rng.shuffle(made)
    return made, "conversions that anybody knows", None
