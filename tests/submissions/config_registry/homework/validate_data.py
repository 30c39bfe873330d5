"""`python -m homework.validate_data`: is data/train.json what it claims to be? Not imported by any model."""

import re

from .data import Dataset, is_answer_valid

TO_BASE = {
    "kg": ("mass", 1000.0), "g": ("mass", 1.0), "gram": ("mass", 1.0), "pound": ("mass", 453.59237),
    "km": ("length", 1000.0), "m": ("length", 1.0), "cm": ("length", 0.01), "ft": ("length", 0.3048),
}  # fmt: skip
PATTERN = re.compile(r"How many (\w+) (?:are|is) (?:there )?(?:in|per) (\d+) (\w+)", re.IGNORECASE)


def expected(question: str) -> float | None:
    match = PATTERN.search(question)
    if match is None:
        return None
    target, count, source = (TO_BASE.get(match[1].rstrip("s")), int(match[2]), TO_BASE.get(match[3].rstrip("s")))
    if not target or not source or target[0] != source[0]:
        return None
    return count * source[1] / target[1]


if __name__ == "__main__":
    checked = [(q, a, expected(q)) for q, a in Dataset("train")]
    wrong = [row for row in checked if row[2] is not None and not is_answer_valid(row[2], row[1])]
    print(f"{sum(row[2] is not None for row in checked)} rows checked, {len(wrong)} differ")
    for row in wrong:
        print(row)
