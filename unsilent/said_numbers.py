"""Whether a number stands in a text, however it is written there.

Models write numbers in LaTeX, as fractions, with commas as they like; programs round what they read, and take means of
several samples. A check that says "this answer was never generated" must know all of that first.
"""

from __future__ import annotations

import math
import re
import statistics
from typing import TYPE_CHECKING

from .answers import numbers_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .spoken import Spoken

SAME = 1e-6  # relative; a float that was printed in full and read again
PLACES = 13  # digits that a program may round to: floats show 15, and answers fewer
LAST_TOKEN_DIGITS = 4  # digits in one token, with a decimal point: tokenizers cut numbers into at most three


def is_said(value: float, spoken: Sequence[Spoken]) -> bool:
    """Whether a number stands in what was generated.

    A program may round what it reads, and may take the mean or the median of several samples of one question. A number
    that the last, uncertain token has cut short counts for every number that begins like it.
    """
    if not math.isfinite(value):
        return False
    if any(is_number(value, number) for one in spoken for number in shown_numbers(one.text)):
        return True
    if any(_may_end(value, one.fed) for one in spoken if not one.certain):
        return True
    read = [numbers for one in spoken if (numbers := numbers_in(_plain(one.text)))]
    if not read:
        return False
    samples = [[numbers[place] for numbers in read] for place in (0, -1)]
    return any(is_number(value, mean(few)) for few in samples for mean in (statistics.fmean, statistics.median))


def is_number(value: float, shown: float) -> bool:
    """Whether ``value`` is a number that was shown, or that number rounded."""
    if math.isclose(value, shown, rel_tol=SAME):
        return True
    return any(value == round(shown, digits) for digits in range(PLACES)) or any(
        value == float(f"{shown:.{digits}g}") for digits in range(2, PLACES)
    )


def shown_numbers(text: str) -> list[float]:
    """Every number that a reader may see in a text, however it is written; rather one too many than one too few."""
    plain = _plain(text)
    found = numbers_in(plain)
    found += [float(re.sub(r"\D", "", whole) + rest.replace(",", ".")) for whole, rest in _GROUPED.findall(plain)]
    found += [float(number.replace(",", ".")) for number in _DECIMAL_COMMA.findall(plain)]
    return found + [-number for number in found if number < 0]  # a hyphen before it may be a dash


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_POWER = r"10\s*(?:\^|\*\*)\s*\{?\s*([-+]?[0-9]+)\s*\}?"
_TIMES = "\\s*(?:\\\\times|\\\\cdot|[\u00d7\u00b7*x])\\s*"
_GROUPED = re.compile(r"(?<![\d.,])(\d{1,3}(?:[ '_.]\d{3})+)(,\d+)?(?!\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])\d+,\d+(?![\d,])")


def _plain(text: str) -> str:
    """Write LaTeX, powers of ten and typographic signs as a program would."""
    text = re.sub("[⁻⁰¹²³⁴-⁹]+", lambda found: "^" + found.group().translate(_SUPERSCRIPTS), text)
    text = re.sub("[\u2212\u2013\u2011]", "-", text)  # minus, dash, hyphen
    text = re.sub("[\u00a0\u2009\u202f]|\\\\[,;: ]|~", " ", text).replace("{,}", ",")
    text = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2", text)
    text = re.sub(rf"(?<=[0-9.]){_TIMES}{_POWER}", r"e\1", text)
    return re.sub(rf"(?<![0-9.]){_POWER}", r"1e\1", text)


def _may_end(value: float, fed: str) -> bool:
    """Whether a text that breaks off within a number may have gone on to be ``value``."""
    begun = re.search(r"[-+]?\d[\d,]*\.?\d*$|[-+]?\.\d*$", fed)
    if begun is None:
        return False
    beginning, whole = begun.group().replace(",", "").removeprefix("+"), f"{value:.15g}"
    return whole.startswith(beginning) and len(whole) - len(beginning) <= LAST_TOKEN_DIGITS
