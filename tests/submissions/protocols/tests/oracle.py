"""A calculator. For tests only: it must never be importable from the package."""

import re

FACTORS = {"kg": 1000.0, "gram": 1.0, "g": 1.0, "week": 604800.0, "day": 86400.0, "km": 1000.0, "m": 1.0}


def oracle(question: str) -> float:
    n, a, b = re.search(r"(\d+) (\w+) .*? (\w+)[.?]", question).groups()
    return float(n) * FACTORS[a] / FACTORS[b]
