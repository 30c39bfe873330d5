"""More questions out of the same rows: other amounts, and the way back.

Conversions are proportional. So from "How many cm are 3 in?" (7.62) it follows, without knowing either unit, that 5 in
are 5/3 of it, and that 3 cm are 3 * 3 / 7.62 in. Both answers come from the row itself. The algebra is only asked
whether the two units found are the ones the row is about ("in" is also a word), and nothing of this runs when a
question is answered. A row that does not hold exactly one amount and exactly two unit names is left as it is.

Source: on a dev part of train (200 rows; SmolLM2-135M, r=16) see docs/LOG.md for what each of the two is worth.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .conversion_utils import LARGEST_ANSWER, NUMBERS, SMALLEST_ANSWER
from .units import SPELLINGS, IncompatibleUnits, convert

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from .data import Row

_AMOUNT = re.compile(r"(?<![\w.^*/-])\d+(?![\w^*/]|\.\d)")
READING_TOLERANCE = 0.01  # data sets round their answers, and differ on the length of a year
# "How many inches in 2 ft?" holds two names of units too, and exchanging them would make nonsense.
_IN_AS_UNIT = re.compile(r"(?:\d|\b(?:many|the|of|as|from|converting|to|into|[Ii]n))\s+in\b")
_DIGITS = re.compile(r"\d+")
# Longest first, so that "m/s" is not read as "m"; a unit stands alone, not inside a word or another unit.
_UNIT = re.compile(
    r"(?<![\w/^*'\u2019])(?:"
    + "|".join(re.escape(name) for name in sorted(SPELLINGS, key=len, reverse=True))
    + r")(?![\w/^*'\u2019])"
)


def other_amount(question: str, answer: float, amount: int) -> tuple[str, float] | None:
    """Ask the same for another amount; None where the question does not hold exactly one."""
    given = _only_amount(question)
    return None if given is None else (_AMOUNT.sub(str(amount), question), answer / given * amount)


def _only_amount(question: str) -> int | None:
    """Read the amount, or None where anything else in the question looks like a number: ``1 1/2``, ``2.5``."""
    found = _AMOUNT.findall(question)
    if len(found) != 1 or len(_DIGITS.findall(_UNIT.sub("", question))) != 1:
        return None
    return int(found[0]) or None


def way_back(question: str, answer: float) -> tuple[str, float] | None:
    """Exchange the two units; None where the question does not hold exactly two, or not exactly one amount."""
    units = list(_UNIT.finditer(question))
    if len(units) == 3:  # noqa: PLR2004 - the third is the word "in", which is also a unit
        units = [unit for unit in units if unit.group() != "in"]
    given = _only_amount(question)
    if len(units) != 2 or given is None or answer == 0:  # noqa: PLR2004 - there and back
        return None
    first, second = units
    if "in" in (first.group(), second.group()) and not _IN_AS_UNIT.search(question):
        return None
    if not _read_rightly(given, first.group(), second.group(), answer):
        return None
    exchanged = (
        question[: first.start()]
        + second.group()
        + question[first.end() : second.start()]
        + first.group()
        + question[second.end() :]
    )
    return exchanged, given**2 / answer


def _read_rightly(amount: int, one: str, other: str, answer: float) -> bool:
    """Tell whether these are the units the row is about: "in" may be a word, and the real unit one nobody listed.

    The algebra only says yes or no here; the varied answer comes from the row.
    """
    try:
        there, back = convert(amount, one, other), convert(amount, other, one)
    except IncompatibleUnits:
        return False
    return any(math.isclose(answer, value, rel_tol=READING_TOLERANCE) for value in (there, back))


def vary(row: Row, rng: random.Random, *, amounts: float, back: float) -> Row:
    """Return the row, or with the given probabilities a variation of it with an answer in the usual range.

    Args:
        row: Question and answer; rows with a reasoning text are returned as they are.
        rng: Source of all randomness.
        amounts: Probability of asking for another amount.
        back: Probability of asking for the way back.
    """
    if len(row) != 2:  # noqa: PLR2004 - reasoning speaks of the amounts it was written for
        return row
    question, answer = row
    if rng.random() < back and (found := way_back(question, answer)) and _usual(found[1]):
        question, answer = found
    if rng.random() < amounts and (found := other_amount(question, answer, rng.choice(NUMBERS))) and _usual(found[1]):
        question, answer = found
    return question, answer


def _usual(answer: float) -> bool:
    return SMALLEST_ANSWER <= answer <= LARGEST_ANSWER


def variations(rows: Sequence[Row], copies: int, rng: random.Random, *, amounts: float, back: float) -> list[Row]:
    """Return every row ``copies`` times: once as it is, then varied."""
    return [row if copy == 0 else vary(row, rng, amounts=amounts, back=back) for copy in range(copies) for row in rows]
