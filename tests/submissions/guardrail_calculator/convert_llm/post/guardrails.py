"""Plausibility check.

The model sometimes slips a decimal. We know the order of magnitude a conversion must have, so an
implausible value is pulled back to the plausible one. Constants from NIST SP 811.
"""
from __future__ import annotations

import re
from fractions import Fraction
from itertools import permutations

# dimension | spelling = size in the dimension's first unit
_SI = """
T | s sec second seconds = 1 | min minute minutes = 60 | h hour hours = 3600 | day days = 86400 | week weeks = 604800
L | mm = 1/1000 | cm = 1/100 | m meter meters = 1 | km = 1000 | in = 127/5000 | ft = 381/1250 | yd = 1143/1250 | mi miles = 201168/125
M | g gram grams = 1 | kg = 1000 | ton tonne = 1000000 | pound pounds = 45359237/100000 | ounce ounces = 45359237/1600000
D | bit = 1/8 | B byte bytes = 1 | kB KB = 1000 | MB M = 1000000 | GB G = 1000000000
V | mL ml cc = 1 | l L liter liters litre = 1000 | gallon gallons = 473176473/125000 | quart = 473176473/500000
"""

SCALE: dict[str, tuple[str, Fraction]] = {
    spelling: (dimension.strip(), Fraction(size.strip()))
    for line in _SI.strip().splitlines()
    for dimension, *cells in [line.split("|")]
    for spellings, size in (cell.split("=") for cell in cells)
    for spelling in spellings.split()
}

_QUANTITY = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]+)")


def _magnitude(question: str) -> Fraction | None:
    if (q := _QUANTITY.search(question)) is None or q["unit"] not in SCALE:
        return None
    others = [w for w in re.findall(r"[A-Za-z]+", question) if w in SCALE and w != q["unit"]]
    for have, want in permutations([q["unit"], *others], 2):
        if have != q["unit"]:
            continue
        (dim_a, a), (dim_b, b) = SCALE[have], SCALE[want]
        if dim_a == dim_b:
            return Fraction(q["n"]) * a / b
    return None


def plausible(question: str, text: str, value: float) -> float:
    match _magnitude(question):
        case None:
            return value
        case expected if abs(value - expected) <= expected / 50:
            return value
        case expected:
            return float(expected)
