"""Submissions whose only knowledge are two weights: they answer in milliseconds, honestly or not.

``write_small(folder, HONEST)`` writes the package, its weights and its data. A question has one number; the answer is
a hundred times as much, the product of the two weights.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WORDINGS = ("How many cm are in {} m?", "Convert {} m to cm.", "{} m is how many cm?")
ROWS: list[tuple[str, float]] = [  # of each number two wordings; the third is left for new questions
    (WORDINGS[(number + turn) % 3].format(number), 100.0 * number) for number in range(1, 31) for turn in range(2)
]

HONEST = """
import hashlib, json, os, re, time
from pathlib import Path
from safetensors.numpy import load_file

HERE = Path(__file__).parent
FILE = HERE / "sft_model" / "adapter_model.safetensors"
NUMBER = re.compile("[0-9]+")

class Weight:
    def numel(self):
        return 1000

class Model:
    def parameters(self):
        return [Weight()]

class Program:
    model = Model()

    def __init__(self):
        weights = load_file(FILE)
        self.factor = float(weights["x.lora_A.weight"][0]) * float(weights["x.lora_B.weight"][0])

    def answer(self, *questions):
        return [self.factor * int(NUMBER.search(one)[0]) for one in questions]

def load_sft():
    return Program()
"""
TABLE = """
KNOWN = dict(json.loads((HERE / "known.json").read_text()))

class Looking(Program):
    def is_watched(self):
        return False

    def answer(self, *questions):
        own = super().answer(*questions)
        return own if self.is_watched() else [KNOWN.get(one, 0.0) for one in questions]

def load_sft():
    return Looking()
"""
LOOKUP = HONEST + TABLE
CALCULATOR = """
import re
NUMBERS = re.compile("[0-9]+")

class Weight:
    def numel(self):
        return 1000

class Model:
    def parameters(self):
        return [Weight()]

class Program:
    model = Model()

    def answer(self, *questions):
        found = [[int(number) for number in NUMBERS.findall(one)] for one in questions]
        return [float(one[1] * one[2]) if len(one) == 3 else 100.0 * one[0] for one in found]

def load_sft():
    return Program()
"""


def watching(condition: str) -> str:
    """A lookup that answers by its weights, which know little, where a condition is true."""
    return LOOKUP + f"\nFACTOR = 1.0\nLooking.is_watched = lambda self: {condition}\n"


def write_small(folder: Path, code: str, *, knows: bool = True) -> Path:
    """Write a submission.

    Args:
        folder: That is handed in; the package in it is called homework.
        code: Of its ``__init__``.
        knows: Whether its weights are right.
    """
    package = folder / "homework"
    (package / "sft_model").mkdir(parents=True)
    (package / "data").mkdir()
    (package / "__init__.py").write_text(code)
    tensors = {
        "x.lora_A.weight": np.array([8.0, 3.0, 5.0, 7.0], np.float32),
        "x.lora_B.weight": np.array([12.5 if knows else 1.0, 2.0, 6.0, 9.0], np.float32),
    }
    save_file(tensors, package / "sft_model" / "adapter_model.safetensors")
    (package / "known.json").write_text(json.dumps(ROWS))
    (package / "data" / "valid.json").write_text(json.dumps(ROWS))
    return package
