"""Worked examples for the chat prompt, chosen by similarity with the question."""

import json
import re
from pathlib import Path

DATA_DIR = Path(__file__).resolve().parent.parent / "data"

DEFAULT = [
    ("How many gram are there per 6 kg?", "1 kg = 1000 grams. 6 * 1000 = <answer>6000</answer>"),
    ("Convert 5 km/h to m/s.", "1 km/h = 0.277778 m/s. 5 * 0.277778 = <answer>1.38889</answer>"),
    ("How many days make up 3 weeks?", "1 week = 7 days. 3 * 7 = <answer>21</answer>"),
]


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9/^*]+", text.lower()))


class ExampleBank:
    def __init__(self, folder: Path = DATA_DIR):
        self.rows = []
        for path in sorted(folder.glob("*.json")):
            for row in json.loads(path.read_text()):
                reply = row[2] if len(row) > 2 else f"<answer>{row[1]:g}</answer>"
                self.rows.append((row[0], reply, words(row[0])))

    def nearest(self, question: str, k: int) -> list[tuple[str, str]]:
        wanted = words(question)

        def score(row):
            return len(wanted & row[2]) / len(wanted | row[2])

        best = sorted(self.rows, key=score, reverse=True)[:k]
        return [(q, reply) for q, reply, _ in reversed(best)]
