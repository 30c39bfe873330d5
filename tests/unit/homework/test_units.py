"""The unit algebra is exact."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homework import units

AMOUNTS = st.fractions(min_value=Fraction(1, 1000), max_value=10**6)
PAIRS = [
    (a, b)
    for family in units.FAMILIES
    for a, b in itertools.product([u for u in units.UNITS if u.family == family], repeat=2)
]
SPELLED = [(x, y) for a, b in PAIRS for x in a.spellings for y in b.spellings]


def test_spellings_count() -> None:
    """74 spellings in 6 families, as in the course's data."""
    assert (len(units.SPELLINGS), len(units.FAMILIES)) == (74, 6)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (6, "kg", "gram", 6000),
        (1, "ounce", "g", Fraction("28.349523125")),
        (1, "ounce", "mL", Fraction("29.5735295625")),
        (1, "mL", "ounce", 1 / Fraction("29.5735295625")),
        (1, "ounce", "fluid ounce", 1),
        (1, "ounce", "ounce", 1),
        (2, "ton", "metric ton", 2),
        (1, "tonne", "kg", 1000),
        (1, "M", "MB", 1),
        (3, "G", "GB", 3),
        (1, "KB", "B", 1000),
        (1, "B", "bit", 8),
        (1, "year", "day", Fraction("365.242198781")),
        (1, "year", "months", 12),
        (1, "centuries", "decade", 10),
        (1, "gallon", "quart", 4),
        (1, "gallon", "pint", 8),
        (1, "quart", "fluid ounce", 32),
        (1, "cm**3", "ml", 1),
        (1, "cc", "mm^3", 1000),
        (1, "m^3", "litre", 1000),
        (1, "mile" + "s", "ft", 5280),
        (36, "kmh", "m/s", 10),
        (1, "mph", "in/s", Fraction("17.6")),
    ],
)
def test_convert_knows_the_traps(value: int, source: str, target: str, expected: Fraction) -> None:
    """Known factors come out exactly, the two ounces told apart by their partner."""
    assert units.convert(value, source, target) == expected


def test_month_is_the_courses() -> None:
    """A month is 30.436849898 days to the nine decimals of the course's data."""
    assert round(units.convert(1, "month", "days"), 9) == Fraction("30.436849898")


@given(AMOUNTS, st.sampled_from(SPELLED))
def test_convert_round_trips(value: Fraction, pair: tuple[str, str]) -> None:
    """There and back is where it began, without any rounding."""
    source, target = pair

    assert units.convert(units.convert(value, source, target), target, source) == value


@given(AMOUNTS, st.sampled_from(units.UNITS), st.data())
def test_convert_composes(value: Fraction, unit: units.Unit, data: st.DataObject) -> None:
    """Going over a third unit of the family changes nothing."""
    names = [u.name for u in units.UNITS if u.family == unit.family]
    over, target = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))

    assert units.convert(units.convert(value, unit.name, over), over, target) == units.convert(value, unit.name, target)


@given(st.sampled_from(units.SPELLINGS), st.sampled_from(units.SPELLINGS))
def test_families_are_closed(source: str, target: str) -> None:
    """Two spellings convert exactly when one family holds both, in both directions."""
    together = any(
        source in one.spellings and target in other.spellings and one.family == other.family
        for one, other in itertools.product(units.UNITS, units.UNITS)
    )

    def works(a: str, b: str) -> bool:
        try:
            return units.convert(1, a, b) > 0
        except units.IncompatibleUnits:
            return False

    assert works(source, target) == works(target, source) == together


def test_unknown_unit_is_refused() -> None:
    """A spelling outside the table is named in the error."""
    with pytest.raises(units.UnknownUnit, match="'furlong'") as caught:
        units.convert(1, "furlong", "m")

    assert caught.value.spelling == "furlong"


def test_incompatible_units_are_refused() -> None:
    """A mass is no length, and the error names both families."""
    with pytest.raises(units.IncompatibleUnits, match="mass and 'km' a length") as caught:
        units.convert(1, "kg", "km")

    assert (caught.value.source, caught.value.target) == ("kg", "km")
