from __future__ import annotations

import re

NUMERAL = re.compile(r"-?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?", re.IGNORECASE)


def leading_number(text: str, otherwise: float = 0.0) -> float:
    """First number in the text."""
    for hit in NUMERAL.finditer(text):
        try:
            return float(hit.group().replace(",", ""))
        except ValueError:
            continue
    return otherwise


def tidy(question: str, text: str, value: float) -> float:
    """1999.9999999 -> 2000"""
    return round(value) if abs(value - round(value)) < 1e-6 else value
