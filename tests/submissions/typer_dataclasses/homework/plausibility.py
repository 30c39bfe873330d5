"""Rough magnitudes of the units that occur, used for checks on labels and outputs."""

import math
import re
from dataclasses import dataclass
from functools import cached_property


Quantity = tuple[str, float]  # family, size


@dataclass(frozen=True)
class Magnitudes:
    tolerance: float = 0.05

    @cached_property
    def table(self) -> dict[str, Quantity]:
        families = {
            "time": {"s sec second": 1, "min minute": 60, "h hour": 3600, "day": 86400, "week": 604800,
                     "month": 2629743.8, "year": 31556926, "decade": 315569260, "century centurie": 3155692600},
            "length": {"mm": 0.001, "cm": 0.01, "m meter": 1, "km": 1000, "in": 0.0254, "ft": 0.3048,
                       "yd": 0.9144, "mi mile": 1609.344},
            "speed": {"m/s": 1, "km/h kmh": 1 / 3.6, "mi/h mph": 0.44704, "ft/s": 0.3048, "in/s": 0.0254},
            "data": {"bit": 1, "B byte": 8, "kB KB": 8e3, "MB M": 8e6, "GB G": 8e9},
            "mass": {"g gram": 1, "kg": 1e3, "pound": 453.59237, "ton tonne": 1e6},
            "volume": {"L l liter litre": 1, "mL ml milliliter": 1e-3, "gallon": 3.785411784,
                       "quart": 0.946352946, "pint": 0.473176473},
        }  # fmt: skip
        return {
            name: (family, float(size))
            for family, units in families.items()
            for names, size in units.items()
            for name in names.split()
        }

    def lookup(self, word: str) -> Quantity | None:
        return self.table.get(word) or self.table.get(word.rstrip("s"))

    def expected(self, question: str) -> float | None:
        words = re.findall(r"\d+|[A-Za-z]+(?:/[a-z]+)?", question)
        numbers = [i for i, w in enumerate(words) if w.isdigit()]
        known = [(i, q) for i, w in enumerate(words) if (q := self.lookup(w))]
        pairs = [(a, b) for a in known for b in known if a[0] != b[0] and a[1][0] == b[1][0]]
        if len(numbers) != 1 or not pairs:
            return None
        n = numbers[0]
        source, target = min(pairs, key=lambda p: abs(p[0][0] - n))
        return int(words[n]) * source[1][1] / target[1][1]

    def settle(self, question: str, value: float) -> float:
        expected = self.expected(question)
        if expected is None:
            return value
        if math.isnan(value) or abs(value - expected) > self.tolerance * expected:
            return round(expected, 3)
        return value
