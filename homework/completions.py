"""What a completion says: where it ends, and which number it holds.

Everything that decides whether a text is an answer stands here, so that the answer rate has one definition.
"""

from __future__ import annotations

import math
import re

CLOSING_TAG = "</answer>"
OPENING_TAG = "<answer>"

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TAG_TOKENS = len(CLOSING_TAG) + 1  # a byte tokenizer spells it letter by letter


def parse_answer(text: str) -> float:
    """Read the number out of a completion.

    The number stands between the tags; the opening tag may have been part of the prompt, the closing one may have been
    cut off. A unit behind the number is allowed, a second number is not: ``2 * 3 = 6`` is no answer.

    Returns:
        The number, or NaN where there is none: never 0.0, which would count as an answer.
    """
    inside = text.split(CLOSING_TAG, 1)[0].rsplit(OPENING_TAG, 1)[-1].strip()
    found = _NUMBER.match(inside)
    if not found or any(character.isdecimal() for character in _without_exponents(inside[found.end() :])):
        return math.nan
    value = float(found.group().replace(",", ""))
    return value if math.isfinite(value) else math.nan


def _without_exponents(unit: str) -> str:
    """Drop the digits that belong to a unit, as in ``cm^3``, ``m**3`` and ``m3``."""
    return re.sub(r"(?<=[A-Za-z])(?:\^|\*\*)?[23]\b", "", unit)


def cut_at_tag(text: str) -> str:
    """End the text at its closing tag, whatever shared a token with it."""
    before, tag, _ = text.partition(CLOSING_TAG)
    return before + tag
