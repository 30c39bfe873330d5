from __future__ import annotations

import re

from .registry import parsers

NAN = float("nan")


def to_float(text: str) -> float:
    try:
        return float(text.strip().replace(",", ""))
    except ValueError:
        return NAN


@parsers("tag")
def tag(text: str) -> float:
    if "<answer>" in text:
        text = text.split("<answer>", 1)[1]
    return to_float(text.split("</answer>", 1)[0])


@parsers("last-number")
def last_number(text: str) -> float:
    found = re.findall(r"[-+]?\d[\d,]*(?:\.\d+)?", text)
    return to_float(found[-1]) if found else NAN


def chain(*names: str):
    """First parser that finds a number; NaN when none does."""

    def parse(text: str) -> float:
        values = (parsers[name](text) for name in names)
        return next((value for value in values if value == value), NAN)

    return parse
