"""What counts as a number, and when it is right: one definition for scores, overlap and honesty.

An answer may be anything that a stranger's program returns. Only what is a finite number is an answer; NaN, inf, None
and text are none, and none is ever right.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

TOLERANCE = 0.05  # relative; the course's grader
DECIMALS = 3  # both numbers are rounded to as many before they are compared; the course's grader

# A digit behind a letter, "^" or "**" is an exponent or part of a name (cm^3, m**3, H2O), behind "1/" or "1." part of a
# date or a version.
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|(?<![\d.])\.\d+)(?:[eE][-+]?\d+)?"
_FRACTION = r"(?:(?P<whole>\d+) )?(?P<above>\d+)/(?P<below>0*[1-9]\d*)(?![\d/.,]*\d)"
_SIGN = r"(?P<sign>(?<![^\W_])(?<![)\].])[-+])?"
_FOUND = re.compile(
    rf"{_SIGN}(?<![\w^])(?<!\^[-+])(?<!\*\*)(?<!\*\*[-+])(?<!\d[/.])(?:{_FRACTION}|(?P<number>{_NUMBER}))"
)
_SUPERSCRIPTS = re.compile(r"[\u00b2\u00b3\u00b9\u2070-\u2079]+")
_VULGAR = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])")  # 1\u00bd is one and a half, not 11/2
_OTHER_MINUSES = re.compile(r"[\u2212\ufe63\uff0d]")


def as_number(answer: Any) -> float:  # noqa: ANN401 - whatever somebody's program returns
    """Turn an answer into a float; NaN where it is no number: text, truth values, None, a list of several."""
    if isinstance(answer, str | bytes | bool):
        return math.nan
    try:
        return float(answer.detach() if hasattr(answer, "detach") else answer)  # a loss may hang on a graph
    except OverflowError:  # an integer beyond the range of a float
        return math.inf if answer > 0 else -math.inf
    except Exception:  # noqa: BLE001 - anybody's object may raise anything
        return math.nan


def is_right(answer: Any, correct: Any, tolerance: float = TOLERANCE) -> bool:  # noqa: ANN401
    """Tell whether ``answer`` is within the tolerance of ``correct``; the bound itself is outside.

    Both are rounded to 3 decimals, as the course's grader does. NaN, inf and what is no number are never right, and
    nothing is right where the correct answer rounds to 0.
    """
    given, wanted = as_number(answer), as_number(correct)
    if not (math.isfinite(given) and math.isfinite(wanted)):
        return False
    given, wanted = round(given, DECIMALS), round(wanted, DECIMALS)
    return abs(given - wanted) < tolerance * abs(wanted)


def numbers_in(text: str) -> list[float]:
    """Read every number in a text, in order: ``1,000``, ``-2.5e3``, ``.5``, ``3/4``, ``1 1/2``.

    Exponents of units (``cm^3``, ``m**3``, ``m\u00b2``) and digits inside names (``H2O``) are no numbers, and
    neither is what is too large for a float.
    """
    spaced = _VULGAR.sub(" ", _SUPERSCRIPTS.sub(r"^\g<0>", text))
    plain = unicodedata.normalize("NFKC", spaced).replace("\u2044", "/")
    found = (_value(match) for match in _FOUND.finditer(_OTHER_MINUSES.sub("-", plain)))
    return [value for value in found if math.isfinite(value)]


def _value(match: re.Match[str]) -> float:
    sign = -1.0 if match["sign"] == "-" else 1.0
    if match["number"]:
        return sign * float(match["number"].replace(",", ""))
    try:
        return sign * (int(match["whole"] or 0) + int(match["above"]) / int(match["below"]))
    except (OverflowError, ValueError):  # more digits than a float, or Python, takes
        return math.inf
