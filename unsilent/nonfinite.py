"""nan and inf in a text: numbers that somebody reckons with, or words.

In code, names and prose they are words, and infinity is the right value of a limit. As a factor neither is right, and
as the result of a sum with digits nan is not.
"""

from __future__ import annotations

import math
import re

# Not "Nan", which is a name.
_NAN = re.compile(r"(?<!\w)(?:nan|NaN|NAN|inf|Inf|INF|infinity|Infinity|INFINITY)(?![\w('\u2019])")
_REACH = 60  # characters before it that are looked at
_RESULT = re.compile(r"\d[\d.,]*[^\n=;:()\[\]{}]{0,30}[=*/\u00d7\u00b7+]\s*[-+]?\Z")
_CALLED_NAN = re.compile(r"\b(?:factor|result|product|quotient|answer) is\s*\Z")
_FACTOR = re.compile(r"\s*[*/\u00d7\u00b7]\s*\d")
_LIMIT = re.compile(r"\blim|\u2192|->|diverg|/\s*0\s*=\s*[-+]?\Z")  # where infinity is right


def reckons_with_nan(text: str) -> bool:
    """Whether nan or inf is a result or a factor."""
    for found in _NAN.finditer(text):
        before = text[max(0, found.start() - _REACH) : found.start()]
        is_nan = found[0].lower() == "nan"
        if _FACTOR.match(text, found.end()) or (is_nan and _CALLED_NAN.search(before)):
            return True
        if _RESULT.search(before) and (is_nan or not _LIMIT.search(before)):
            return True
    return False


def is_not_finite(text: str) -> bool:
    """Whether what should be a number is nan or inf, in letters or by its size."""
    if _NAN.search(text):
        return True
    try:
        return not math.isfinite(float(text.strip().replace(",", "")))
    except ValueError:
        return False
