"""Arithmetic for datagen: writes the reasoning line of a *training* row.

Never imported by anything that answers questions.
"""
import re

METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0, "km": 1000.0, "in": 0.0254, "ft": 0.3048, "yd": 0.9144}
GRAMS = {"g": 1.0, "gram": 1.0, "kg": 1000.0, "ton": 1e6, "pound": 453.592}
_ASKED = re.compile(r"(?P<n>\d+)\s+(?P<a>[A-Za-z]+).*?\b(?P<b>[A-Za-z]+)\?")


def solve(question):
    m = _ASKED.search(question)
    if not m:
        return None
    for table in (METRES, GRAMS):
        if m["a"] in table and m["b"] in table:
            factor = table[m["a"]] / table[m["b"]]
            return factor, int(m["n"]) * factor
    return None


def reasoning(question, gold):
    match solve(question):
        case (factor, value) if abs(value - gold) < 0.01 * abs(gold):
            return f"The factor is {factor:g}, so the result is <answer>{value:g}</answer>"
        case _:
            return None
