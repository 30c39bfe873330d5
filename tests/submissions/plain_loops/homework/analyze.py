"""
Where does the model go wrong? Not used by the grader.

    python -m homework.analyze sft

Compares the answers with the table of correct ones and with what a calculator says for the metric units.
"""

import sys
from collections import Counter

from .data import Dataset, is_answer_valid

METRIC = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "g": 1.0, "gram": 1.0, "kg": 1e3}


def calculator(question):
    words = question.replace("?", " ").replace(".", " ").split()
    units = [w for w in words if w in METRIC]
    numbers = [float(w) for w in words if w.isdigit()]
    if len(units) != 2 or len(numbers) != 1:
        return None
    return numbers[0] * METRIC[units[0]] / METRIC[units[1]]


def main(which):
    from . import rft, sft

    llm = {"sft": sft, "rft": rft}[which].load()
    table = {q: a for q, a in Dataset("valid")}
    kinds = Counter()
    for q, a in zip(table, llm.answer(*table)):
        if a != a:
            kinds["no number"] += 1
        elif is_answer_valid(a, table[q]):
            kinds["right"] += 1
        elif calculator(q) is not None and is_answer_valid(1 / max(a, 1e-9), calculator(q)):
            kinds["upside down"] += 1
        else:
            kinds["wrong"] += 1
    print(kinds)


if __name__ == "__main__":
    main(sys.argv[1])
