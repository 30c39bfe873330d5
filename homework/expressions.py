"""Reads one side of an equation as people write it: numbers, operators, parentheses, percents and units.

All or nothing: a side in which anything else stands is not read. What it comes to carries its units with it, so that
nobody takes ``5 ft + 3 in`` for 8.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .units import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_TOKENS = 60  # of a side; reasoning about units takes ten, and parentheses in one another cost the reader's stack

_UNITS = {spelling: unit.name for unit in reversed(UNITS) for spelling in unit.spellings}
_UNITS |= {"inch": "in", "inches": "in", "foot": "ft", "feet": "ft", "yard": "yd", "mile": "mi", "metre": "m",
           "kilometer": "km", "centimeter": "cm", "millimeter": "mm", "kilogram": "kg"}  # fmt: skip
_AMBIGUOUS = {"M", "G"}  # units of data, but 5M is five million elsewhere

_TOKEN = re.compile(
    r"""(?P<gap>[ \t\r]+|</?answer>)
    |(?P<odd>0[xXbBoO][0-9a-fA-F]+|[12][0-9]{3}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}
        |<=|>=|!=|:=|[-+*/^]=(?!=)|\.{2,}|(?<=\s):(?=\s)|(?<=[0-9]),[ ](?=[0-9]{3}(?![0-9])))
    |(?P<stop>[\n`;?~\u2192\u21d2\u2248]|=>|->|<<|>>|[.,:](?![0-9])|(?<=[^\W\d_])!)
    |(?P<number>\.?[0-9](?:[0-9.,]*[0-9])?(?:[\u00a0\u2009\u202f][0-9]{3}(?![0-9]))*(?:[eE][-+]?[0-9]+)?)
    |(?P<raised>[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207b]+)|(?P<power>\*\*|\^)
    |(?P<times>[*\u00b7\u22c5\u00d7\u2217]|\\times|\\cdot|(?<=[0-9 \t)])[xX](?=[ \t]*[0-9.($\u20ac\u00a3]))
    |(?P<over>[/\u00f7]|\\div|\bper\b)|(?P<plus>\+)|(?P<minus>[-\u2212])|(?P<equals>={1,3}|\bequals\b)
    |(?P<open>\()|(?P<close>\))|(?P<percent>%)|(?P<currency>[$\u20ac\u00a3\u00a5\u20b9])
    |(?P<word>[^\W\d_]+(?:(?:\^|\*\*)-?[0-9]+|[0-9](?![\w.])|[\u00b2\u00b3])?)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
OPERATORS = {"power", "times", "over", "plus", "minus"}
_NUMBER = re.compile(
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|0|[1-9][0-9]*)?(?:\.(?P<decimals>[0-9]+))?"
    r"(?:[eE](?P<exponent>[-+]?[0-9]+))?"
)
_GAPS = re.compile(r"[\u00a0\u2009\u202f]")
_GROUPED = re.compile(r"[0-9]{1,3}(?:[\u00a0\u2009\u202f][0-9]{3})+")
_UNIT = re.compile(r"([^\W\d_]+)(?:\^|\*\*)?(-?[0-9]+)?")
_DIGITS = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b\u2212", "0123456789--")
_SWAPPED = str.maketrans(",.", ".,")  # how half of Europe writes numbers


@dataclass(frozen=True)
class Token:
    """A piece of a text, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Value:
    """What a part of a side comes to.

    Attributes:
        number: NaN where it is divided by zero.
        slack: Half a unit of the last digit, where it is a number as it was written.
        steps: How many operators it took.
        units: Powers by names.
        percent: Whether it is a number with a percent sign.
        first: The number it begins with.
        currencies: Signs that stand in it.
    """

    number: float
    slack: float = 0.0
    steps: int = 0
    units: Counter[str] = field(default_factory=Counter)
    percent: bool = False
    first: Value | None = None
    currencies: frozenset[str] = frozenset()


class _Unreadable(Exception):
    """A side of which nothing is said."""


def tokens_of(text: str) -> Iterator[Token]:
    """Cut a text into tokens; what is none of ours is of kind ``other``."""
    return (Token(str(match.lastgroup), match.group(), *match.span()) for match in _TOKEN.finditer(text))


def read_side(side: Sequence[Token], *, swapped: bool = False) -> Value | None:
    """What a side comes to; None where it cannot be read as a whole, or goes beyond the range of a float."""
    currencies = frozenset(token.text for token in side if token.kind == "currency")
    tokens = [token for token in side if token.kind != "currency"]
    if not tokens or len(tokens) > MOST_TOKENS:
        return None
    try:
        value = _Reader(tokens, swapped=swapped).whole()
    except (_Unreadable, OverflowError):
        return None
    return None if _is_range(tokens, value.number) else replace(value, currencies=currencies)


def _is_range(tokens: Sequence[Token], number: float) -> bool:
    """``3-5``, written without gaps and going up."""
    shape = [token.kind for token in tokens] == ["number", "minus", "number"]
    return shape and number < 0 and tokens[0].end == tokens[1].start and tokens[1].end == tokens[2].start


def _joint(left: Value, right: Value, number: float, units: Counter[str], *, percent: bool = False) -> Value:
    if math.isinf(number):
        raise OverflowError
    return Value(number, 0.0, left.steps + right.steps + 1, units, percent, left.first)


def _negative(value: Value) -> Value:
    first = value.first and replace(value.first, number=-value.first.number)
    return replace(value, number=-value.number, first=first)


def _powers(units: Counter[str], more: Counter[str], sign: int) -> Counter[str]:
    found = Counter(units)
    for name, power in more.items():
        found[name] += sign * power
    return Counter({name: power for name, power in found.items() if power})


def _name_of(spelling: str) -> str:
    """A unit's name by any of its spellings, in the plural too; empty where it is none, or may be something else."""
    forms = (spelling, spelling.lower(), spelling.lower().removesuffix("s"))
    return "" if spelling in _AMBIGUOUS else next((_UNITS[form] for form in forms if form in _UNITS), "")


def _written_power(raised: str) -> float:
    try:
        return float(raised.translate(_DIGITS))
    except ValueError:
        raise _Unreadable from None


def _written(text: str) -> Value:
    """A number as it is written in English."""
    if _GAPS.search(text):
        if not _GROUPED.fullmatch(text):
            raise _Unreadable
        text = _GAPS.sub("", text)
    found = _NUMBER.fullmatch(text)
    if not found:
        raise _Unreadable
    number = float(text.replace(",", ""))
    if math.isinf(number):
        raise _Unreadable
    return Value(number, 0.5 * 10.0 ** (int(found["exponent"] or 0) - len(found["decimals"] or "")))


class _Reader:
    """Reads one side: sums of products of powers, as in school."""

    def __init__(self, tokens: Sequence[Token], *, swapped: bool) -> None:
        self.tokens = tokens
        self.swapped = swapped
        self.at = 0

    def whole(self) -> Value:
        """The side from its first token to its last.

        Raises:
            _Unreadable: It holds something else.
        """
        value = self._sum()
        if self.at < len(self.tokens):
            raise _Unreadable
        return value

    def _kind(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead].kind if self.at + ahead < len(self.tokens) else ""

    def _take(self, *kinds: str) -> Token | None:
        if self._kind() not in kinds:
            return None
        self.at += 1
        return self.tokens[self.at - 1]

    def _sum(self) -> Value:
        value = self._product()
        while operator := self._take("plus", "minus"):
            other = self._product()
            if value.percent != other.percent or (value.units and other.units and value.units != other.units):
                raise _Unreadable  # 100 + 10% is 110 to some; 5 ft + 3 in convert
            sign = 1 if operator.kind == "plus" else -1
            number = value.number + sign * other.number
            value = _joint(value, other, number, value.units or other.units, percent=value.percent)
        return value

    def _product(self) -> Value:
        value = self._power()
        while operator := self._take("times", "over"):
            other = self._power()
            if operator.kind == "times":
                value = _joint(value, other, value.number * other.number, _powers(value.units, other.units, 1))
            else:
                number = value.number / other.number if other.number else math.nan
                value = _joint(value, other, number, _powers(value.units, other.units, -1))
        return value

    def _power(self) -> Value:
        start = self.at
        value = self._atom()
        exponent = self._exponent()
        if exponent is not None:
            if self.tokens[start].kind in {"plus", "minus"} or self._kind() in {"power", "raised"}:
                raise _Unreadable  # -2^2 and 2^3^2 are read in two ways
            try:
                number = value.number**exponent
            except ZeroDivisionError:
                number = math.nan
            if isinstance(number, complex):
                raise _Unreadable
            value = replace(value, number=number, slack=0.0, steps=value.steps + 1)
        if self._take("percent"):
            if exponent is not None or value.steps:
                raise _Unreadable
            return replace(value, number=value.number / 100, slack=value.slack / 100, percent=True)
        units = self._units()
        if units and value.units:
            raise _Unreadable
        return replace(value, units=units or value.units)

    def _exponent(self) -> float | None:
        if raised := self._take("raised"):
            return _written_power(raised.text)
        if not self._take("power"):
            return None
        value = self._atom()
        if value.units:
            raise _Unreadable
        return value.number

    def _atom(self) -> Value:
        if sign := self._take("plus", "minus"):
            if self._kind() not in {"number", "open"} or self.tokens[self.at].start != sign.end:
                raise _Unreadable  # a bullet, a dash
            value = self._atom()
            return value if sign.kind == "plus" else _negative(value)
        if self._take("open"):
            value = self._sum()
            if not self._take("close"):
                raise _Unreadable
            return replace(value, slack=0.0, first=None)
        if number := self._take("number"):
            value = _written(number.text.translate(_SWAPPED) if self.swapped else number.text)
            return replace(value, first=value)
        raise _Unreadable

    def _units(self) -> Counter[str]:
        """``kg``, ``metric tons``, ``m^2``, ``km/h``, ``g per kg``."""
        units = self._unit()
        while units and self._kind() == "over" and self._kind(1) == "word":
            self.at += 1
            units = _powers(units, self._unit(), -1)
        return units

    def _unit(self) -> Counter[str]:
        if self._kind() == "word" and self._kind(1) == "word":
            both = f"{self.tokens[self.at].text} {self.tokens[self.at + 1].text}"
            if name := _name_of(both):
                self.at += 2
                return Counter({name: 1})
        word = self._take("word")
        if not word:
            return Counter()
        found = _UNIT.fullmatch(word.text.translate(_DIGITS))
        name = _name_of(found[1]) if found else ""
        if not found or not name:
            raise _Unreadable
        return Counter({name: int(found[2] or 1)})
