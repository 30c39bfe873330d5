"""Do the calculations in a text hold?

A sample may reach the right answer by a wrong product, and a model that learns from it learns the wrong product. Only
what can be read as a whole is judged: a side goes from one break of the sentence to the next, or to the sign of
equality, and where anything stands in it but numbers, operators, parentheses, percents and known units (a word, a date,
a remainder, a mixed number, a function), nothing is said about it. Of ``a = b = c`` each link is judged.

Of the calculation that leads to the answer more is asked: its numbers must come to it, whatever it counts.

What is no mistake: rounding, as far as the digits written allow it; ``2 * 3 = 6 * 4 = 24``, where each step goes on
with the last result; ``3 * 1.000 = 3000``, which holds where the point groups digits; a link between different units,
which may convert. What is said to be about so much is not judged.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from .expressions import OPERATORS, Token, read_side, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .expressions import Value

TOLERANCE = 0.01  # relative: reasoning rounds its factors and products

# Words behind which an expression begins as behind a full stop; any other may change what it says ("half of 3 * 4").
OPENERS = {
    "so", "then", "thus", "therefore", "hence", "now", "next", "finally", "first", "since", "because", "is", "are",
    "gives", "give", "get", "gets", "have", "that", "which", "means", "calculate", "compute", "multiply", "answer",
    "result", "total",
}  # fmt: skip


def wrong_calculation(text: str) -> str:
    """The first calculation in ``text`` that does not hold, one link of it; empty where all do, or none can be read."""
    for chain in _chains(text):
        sides = [read_side(side) for side in chain]
        calculated = [bool(side and side.steps) for side in sides]
        for at, (left, right) in enumerate(itertools.pairwise(sides)):
            calculated[at + 1] |= calculated[at]  # 60 = 70 is a mistake behind 5 * 12, and nothing by itself
            if left and right and calculated[at + 1] and _is_comparable(left, right) and not _holds(left, right):
                swapped = [read_side(side, swapped=True) for side in chain[at : at + 2]]
                if not (swapped[0] and swapped[1] and _holds(swapped[0], swapped[1])):
                    return text[chain[at][0].start : chain[at + 1][-1].end]
    return ""


def misses_result(calculation: str) -> bool:
    """Whether a calculation comes to something else than what it is set equal to, words left aside.

    For the one that has to lead to an answer: a word in ``4 * 100 lbs = 144`` can only name what is counted, whether it
    is known as a unit or not. A result with a word of its own may convert, and is not judged.
    """
    for left, right in itertools.chain.from_iterable(map(itertools.pairwise, _chains(calculation))):
        if _words(right) <= _words(left):
            numbers = [_without_words(left), _without_words(right)]
            readings = [[read_side(side, swapped=swapped) for side in numbers] for swapped in (False, True)]
            read = [(one, other) for one, other in readings if one and other and one.steps]
            if read and not any(_holds(one, other) for one, other in read):
                return True
    return False


def _words(side: Sequence[Token]) -> set[str]:
    return {token.text for token in side if token.kind == "word"}


def _without_words(side: Sequence[Token]) -> list[Token]:
    """The numbers of a side and what connects them; a line before a word, as in ``ft/s``, belongs to the word."""
    kinds = [*(token.kind for token in side[1:]), ""]
    pairs = zip(side, kinds, strict=True)
    return [token for token, behind in pairs if token.kind != "word" and (token.kind, behind) != ("over", "word")]


def _chains(text: str) -> Iterator[list[list[Token]]]:
    """Sides that signs of equality connect, each with its tokens; a side without any makes two chains."""
    chain: list[list[Token]] = [[]]
    for token in _joined(text):
        if token.kind == "equals":
            chain.append([])
        elif token.kind == "stop":
            yield from _filled(chain)
            chain = [[]]
        else:
            chain[-1].append(token)
    yield from _filled(chain)


def _filled(chain: Sequence[list[Token]]) -> Iterator[list[list[Token]]]:
    if len(chain) > 1:
        yield [side or [Token("other", "", 0, 0)] for side in chain]


def _joined(text: str) -> Iterator[Token]:
    """Tokens without gaps; a new line beside a sign of equality ends nothing, behind an operator it is odd."""
    found = [_as_stop(token) for token in tokens_of(text) if token.kind != "gap"]
    for before, token, behind in zip([None, *found], found, [*found[1:], None], strict=False):
        if token.text == "\n" and "equals" in (before and before.kind, behind and behind.kind):
            continue
        yield replace(token, kind="odd") if token.text == "\n" and before and before.kind in OPERATORS else token


def _as_stop(token: Token) -> Token:
    return replace(token, kind="stop") if token.kind == "word" and token.text.lower() in OPENERS else token


def _is_comparable(left: Value, right: Value) -> bool:
    """Whether the numbers alone must agree: same units, or units on one side only that nobody has to convert."""
    if len(left.currencies | right.currencies) > 1:
        return False
    if left.units == right.units:
        return True
    if not left.steps and not right.steps:
        return False
    simple = all(sorted(side.units.values()) in ([], [1]) for side in (left, right) if side.steps)
    return simple and (not left.units or (not right.units and left.steps > 0))


def _holds(left: Value, right: Value) -> bool:
    """Whether both come to the same, or the right side goes on with what the left one came to."""
    return _is_close(left, right) or (right.steps > 0 and right.first is not None and _is_close(left, right.first))


def _is_close(left: Value, right: Value) -> bool:
    one, other = left.number, right.number
    if left.percent != right.percent:  # 0.25 * 100 = 25%, and 1 / 4 = 25%
        shown, plain = (left, right) if left.percent else (right, left)
        if _is_close(replace(shown, number=100 * shown.number, slack=100 * shown.slack, percent=False), plain):
            return True
    allowed = max(TOLERANCE * max(abs(one), abs(other)), left.slack, right.slack)
    return abs(one - other) <= allowed * (1 + 1e-9)  # 2.5 is as far from 2 as its half unit
