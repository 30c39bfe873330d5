"""Exact conversions, to make and to check TRAINING rows. The model's answers never come from here."""
import re

FACTORS = {
    "mass": {"g": 1.0, "gram": 1.0, "kg": 1000.0, "pound": 453.59237, "ton": 1e6},
    "length": {"mm": 0.001, "cm": 0.01, "m": 1.0, "km": 1000.0, "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344},
    "time": {"s": 1.0, "min": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0},
}
QUESTION = re.compile(r"(?P<n>\d+)\s*(?P<a>[a-z]+)\b.*?\b(?P<b>[a-z]+)\W*$", re.IGNORECASE)


def solve(question: str) -> tuple[float, str] | None:
    """The answer and a line of reasoning, or None for questions we do not understand."""
    m = QUESTION.search(question)
    if not m:
        return None
    for table in FACTORS.values():
        if m["a"] in table and m["b"] in table:
            factor = table[m["a"]] / table[m["b"]]
            value = int(m["n"]) * factor
            return value, f"1 {m['a']} = {factor:.6g} {m['b']}. {m['n']} * {factor:.6g} = <answer>{value:.6g}</answer>"
    return None
