"""Questions that nobody has asked yet, with their answers: made from a data set's own rows, or from invented units.

A source of questions knows its task and is passed in. Where there is none, one is made from the rows, as long as they
show that answers are proportional to the one number in the question: rows that differ in that number alone must have
answers in the same ratio, every time. Then "How many cm are in 3 m?" with 300 is enough to ask about 47 m.

A source is called with a kind, a count and a generator, and returns rows ``(question, answer)``; kinds it does not know
give none:

- ``other numbers``: in the range and the wording of the task, with numbers its data do not have
- ``other pairings``: a row's wording with the number of another row, and so as easy as the rows are
- ``other wordings``, ``unseen pairs``: what the names say
- ``long numbers``: seven digits, which no small model multiplies in its head

Beside these, ``own units`` are defined in the question; no source is asked for them.
"""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    Row = tuple[str, float]

USUAL = ("other numbers", "other wordings", "unseen pairs")
PAIRED = "other pairings"
OWN = "own units"
HARD = ("long numbers", OWN)
OF_A_KIND = 24  # asked of each kind; of so many 7 right ones are beyond a chance of 0.02

# Pairs of rows, alike but for their number, that must agree before answers are taken for proportional. The project's
# 1,000 rows hold 67 such pairs, all in proportion; among answers drawn at random from those rows one pair in 50 is.
FEWEST_PAIRS = 5
PROPORTIONAL = 1e-6  # answers are floats, of numbers that may have been rounded to a few digits

_NUMBER = re.compile(r"(?<![\w.,^*/-])\d+(?:\.\d+)?(?![\w^*/]|[.,]\d)")
_SYLLABLES = ("bla", "dor", "fim", "gru", "kel", "mip", "nop", "sut", "tav", "zol")
SEVEN_DIGITS = (1_000_000, 9_999_999)
FOUR_DIGITS = (1_000, 9_999)
TWO_DIGITS = (11, 99)


class QuestionSource(Protocol):
    """Makes new questions of a task."""

    def __call__(self, kind: str, count: int, rng: random.Random) -> Sequence[Row]:
        """Give up to ``count`` rows of a kind; none where the kind is not known."""


def proportional_source(rows: Sequence[Row]) -> QuestionSource | None:
    """Make a source from a data set whose answers are proportional to the one number asked about.

    Args:
        rows: Question and answer.

    Returns:
        A source of ``other numbers``, ``other pairings`` and ``long numbers``; None where too few rows show a
        proportion, or one does not.
    """
    asked = [(cut, answer) for question, answer in rows if (cut := _cut(question)) and answer]
    alike: dict[tuple[str, str], set[tuple[float, float]]] = {}
    for (head, number, tail), answer in asked:
        alike.setdefault((head, tail), set()).add((number, answer))
    pairs = [pair for group in alike.values() for pair in itertools.combinations(group, 2) if pair[0][0] != pair[1][0]]
    if len(pairs) < FEWEST_PAIRS or not all(
        math.isclose(a / n, b / m, rel_tol=PROPORTIONAL) for (n, a), (m, b) in pairs
    ):
        return None
    known = {question for question, _ in rows}
    numbers = [number for (_, number, _), _ in asked]

    def ask(kind: str, count: int, rng: random.Random) -> list[Row]:
        draws: dict[str, Callable[[], float]] = {
            "other numbers": lambda: rng.randint(*TWO_DIGITS),
            PAIRED: lambda: rng.choice(numbers),
            "long numbers": lambda: rng.randint(*SEVEN_DIGITS),
        }
        if kind not in draws:
            return []
        made: dict[str, float] = {}
        for (head, number, tail), answer in rng.sample(asked, min(count, len(asked))):
            other = draws[kind]()
            made[f"{head}{other:.15g}{tail}"] = answer / number * other
        return [(question, answer) for question, answer in made.items() if question not in known]

    return ask


def _cut(question: str) -> tuple[str, float, str] | None:
    """What stands before, in and after the only number of a question; None where there is none, or several."""
    found = list(_NUMBER.finditer(question))
    if len(found) != 1 or not float(found[0][0]):
        return None
    return question[: found[0].start()], float(found[0][0]), question[found[0].end() :]


def own_units(count: int, rng: random.Random) -> list[Row]:
    """Ask about units that the question itself defines; the answer has ten digits or so, every one of them known."""
    rows = []
    for _ in range(count):
        syllables = rng.sample(_SYLLABLES, 4)
        one, other = "".join(syllables[:2]), "".join(syllables[2:])
        factor, number = rng.randint(*FOUR_DIGITS), rng.randint(*SEVEN_DIGITS)
        rows.append((f"Let 1 {one} be {factor} {other}. How many {other} are {number} {one}?", float(factor * number)))
    return rows


def is_irregular(question: str, answer: float) -> bool:
    """Whether an answer takes more than moving a decimal point: no number in the question has its digits."""
    return all(_digits(float(text)) != _digits(answer) for text in _NUMBER.findall(question))


def _digits(value: float) -> str:
    return f"{abs(value):.6e}".partition("e")[0]
