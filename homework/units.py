"""Exact unit algebra: 74 spellings of 46 units in 6 families, every factor a fraction, no rounding anywhere.

It is its own file because it must stay *away* from the model: what knows right answers writes data sets and judges
samples, and nothing on the path from question to answer may import it (a calculator in the answer path scores 1.0 and
has learnt nothing).

Traps kept in: an ``ounce`` is a mass beside ``g`` and a volume beside ``L``; ``ton``, ``tonne`` and ``metric ton``
are all 1000 kg; data units are decimal and ``M`` is ``MB``; a month is a twelfth of a tropical year; gallon, quart
and pint are the US ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

DAY = Fraction(86_400)
YEAR = Fraction("365.242198781") * DAY  # tropical year, as the course's data has it
MONTH = YEAR / 12  # 30.436849898 days
INCH = Fraction("0.0254")
MILE = Fraction("1609.344")
HOUR = Fraction(3600)
POUND = Fraction("453.59237")
GALLON = Fraction("3.785411784")  # US liquid gallon [L]


class UnknownUnit(ValueError):
    """A spelling that is not among the 74."""

    def __init__(self, spelling: str) -> None:
        """Keep the spelling as ``.spelling``."""
        super().__init__(
            f"Expected one of the {len(SPELLINGS)} known unit spellings, but got {spelling!r}. "
            "Known: " + ", ".join(SPELLINGS) + "."
        )
        self.spelling = spelling


class IncompatibleUnits(ValueError):
    """Two units that no factor connects, such as ``kg`` and ``km``."""

    def __init__(self, source: str, target: str) -> None:
        """Keep both spellings as ``.source`` and ``.target``."""
        super().__init__(
            f"Expected two units of one family, but {source!r} is a {_families_in_words(source)} "
            f"and {target!r} a {_families_in_words(target)}. Choose both from the same family."
        )
        self.source = source
        self.target = target


@dataclass(frozen=True)
class Unit:
    """One unit: its size in the family's base unit, and every way it is written.

    ``plurals`` belong to ``spellings`` (same order, ``None`` where a unit is written alike in both numbers, as ``km``).
    """

    family: str
    factor: Fraction
    spellings: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first spelling, which stands for the unit in listings."""
        return self.spellings[0]


UNITS: tuple[Unit, ...] = (
    # time, in s
    Unit("time", Fraction(1), ("s", "sec", "second", "seconds")),
    Unit("time", Fraction(60), ("min", "minute")),
    Unit("time", HOUR, ("h", "hour", "hours")),
    Unit("time", DAY, ("day", "days")),
    Unit("time", 7 * DAY, ("week", "weeks")),
    Unit("time", MONTH, ("month", "months")),
    Unit("time", YEAR, ("year", "years")),
    Unit("time", 10 * YEAR, ("decade", "decades")),
    Unit("time", 100 * YEAR, ("century", "centuries")),
    # length, in m
    Unit("length", Fraction(1, 1000), ("mm",)),
    Unit("length", Fraction(1, 100), ("cm",)),
    Unit("length", Fraction(1), ("m", "meter")),
    Unit("length", Fraction(1000), ("km",)),
    Unit("length", INCH, ("in",)),
    Unit("length", 12 * INCH, ("ft",)),
    Unit("length", 36 * INCH, ("yd",)),
    Unit("length", MILE, ("mi", "miles")),
    # speed, in m/s
    Unit("speed", Fraction(1), ("m/s",)),
    Unit("speed", 1000 / HOUR, ("km/h", "kmh")),
    Unit("speed", MILE / HOUR, ("mi/h", "mph")),
    Unit("speed", 12 * INCH, ("ft/s",)),
    Unit("speed", INCH, ("in/s",)),
    # data, in B, decimal
    Unit("data", Fraction(1, 8), ("bit",)),
    Unit("data", Fraction(1), ("B", "byte")),
    Unit("data", Fraction(10**3), ("KB", "kB")),
    Unit("data", Fraction(10**6), ("MB", "M")),
    Unit("data", Fraction(10**9), ("GB", "G")),
    # mass, in g
    Unit("mass", Fraction(1), ("g", "gram")),
    Unit("mass", Fraction(1000), ("kg",)),
    Unit("mass", POUND, ("pound",)),
    Unit("mass", Fraction(10**6), ("ton", "tonne", "metric ton")),
    Unit("mass", POUND / 16, ("ounce",)),
    # volume, in L
    Unit("volume", Fraction(1), ("L", "l", "liter", "litre")),
    Unit("volume", Fraction(1, 1000), ("mL", "ml", "milliliter", "millilitre")),
    Unit("volume", Fraction(1, 1000), ("cc", "cm^3", "cm**3")),
    Unit("volume", Fraction(1, 10**6), ("mm^3", "mm**3")),
    Unit("volume", Fraction(1000), ("m^3", "m**3")),
    Unit("volume", GALLON, ("gallon",)),
    Unit("volume", GALLON / 4, ("quart",)),
    Unit("volume", GALLON / 8, ("pint",)),
    Unit("volume", GALLON / 128, ("fluid ounce", "ounce")),
)

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(unit.family for unit in UNITS))
SPELLINGS: tuple[str, ...] = tuple(dict.fromkeys(text for unit in UNITS for text in unit.spellings))


def _meanings(spelling: str) -> tuple[Unit, ...]:
    """Every unit a spelling can stand for: two for ``ounce``, one for the others."""
    found = tuple(unit for unit in UNITS if spelling in unit.spellings)
    if not found:
        raise UnknownUnit(spelling)
    return found


def _families_in_words(spelling: str) -> str:
    return " or ".join(unit.family for unit in _meanings(spelling))


def resolve(source: str, target: str) -> tuple[Unit, Unit]:
    """Find the two units meant, each read in the light of the other.

    Args:
        source: Spelling of the unit that is given.
        target: Spelling of the unit that is asked for.

    Returns:
        Two units of one family. ``ounce`` beside ``ounce`` is read as mass.

    Raises:
        UnknownUnit: A spelling outside the table.
        IncompatibleUnits: No family holds both.
    """
    for one in _meanings(source):
        for other in _meanings(target):
            if one.family == other.family:
                return one, other
    raise IncompatibleUnits(source, target)


def convert(value: Fraction | int, source: str, target: str) -> Fraction:
    """Convert ``value`` from ``source`` to ``target`` without rounding.

    Args:
        value: Amount [``source``].
        source: Spelling of the unit given.
        target: Spelling of the unit asked for.

    Returns:
        Amount [``target``], exact.

    Raises:
        UnknownUnit: A spelling outside the table.
        IncompatibleUnits: No family holds both.
    """
    one, other = resolve(source, target)
    return Fraction(value) * one.factor / other.factor
