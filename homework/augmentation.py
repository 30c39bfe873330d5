"""More questions out of the same rows: other amounts, and the way back.

Conversions are proportional. So from "How many cm are 3 in?" (7.62) it follows, without knowing either unit, that 5
in are 5/3 of it, and that 3 cm are 3 * 3 / 7.62 in. Both are read off the row itself; no factor is looked up
anywhere, and nothing of this runs when a question is answered. A row that does not hold exactly one amount and
exactly two unit names is left as it is.

Source: on a dev part of train (200 rows; SmolLM2-135M, r=16) see docs/LOG.md for what each of the two is worth.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .conversion_utils import LARGEST_ANSWER, NUMBERS, SMALLEST_ANSWER, SPELLINGS

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from .data import Row

_AMOUNT = re.compile(r"(?<![\w.^*/-])\d+(?![\w^*/]|\.\d)")
# Longest first, so that "m/s" is not read as "m"; a unit stands alone, not inside a word or another unit.
_UNIT = re.compile(
    r"(?<![\w/^*])(?:"
    + "|".join(re.escape(name) for name in sorted(SPELLINGS, key=len, reverse=True))
    + r")(?![\w/^*])"
)


def other_amount(question: str, answer: float, amount: int) -> tuple[str, float] | None:
    """Ask the same for another amount; None where the question does not hold exactly one."""
    found = _AMOUNT.findall(question)
    if len(found) != 1 or int(found[0]) == 0:
        return None
    return _AMOUNT.sub(str(amount), question), answer / int(found[0]) * amount


def way_back(question: str, answer: float) -> tuple[str, float] | None:
    """Exchange the two units; None where the question does not hold exactly two, or not exactly one amount."""
    units = list(_UNIT.finditer(question))
    if len(units) == 3:  # noqa: PLR2004 - the third is the word "in", which is also a unit
        units = [unit for unit in units if unit.group() != "in"]
    amounts = _AMOUNT.findall(question)
    if len(units) != 2 or len(amounts) != 1 or answer == 0:  # noqa: PLR2004 - there and back
        return None
    first, second = units
    exchanged = (
        question[: first.start()]
        + second.group()
        + question[first.end() : second.start()]
        + first.group()
        + question[second.end() :]
    )
    return exchanged, int(amounts[0]) ** 2 / answer


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
