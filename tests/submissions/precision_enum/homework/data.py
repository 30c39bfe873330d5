from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_DATA = Path(__file__).resolve().parent.parent / "data"


@lru_cache(maxsize=None)
def _read(split: str) -> tuple:
    return tuple(map(tuple, json.loads((_DATA / f"{split}.json").read_text(encoding="utf-8"))))


class Dataset:
    def __init__(self, split: str):
        self.data = _read(split)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, idx: int):
        return list(self.data[idx])


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    a, b = (round(x, 3) for x in (answer, correct_answer))
    return abs(a - b) < relative_tolerance * abs(b)


@dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list


def benchmark(func, dataset: Dataset, max_question: int) -> BenchmarkResult:
    rows = dataset.data[:max_question]
    answers = func.answer(*(r[0] for r in rows))
    samples = [(r[0], a, r[1], is_answer_valid(a, r[1])) for r, a in zip(rows, answers)]
    return BenchmarkResult(
        accuracy=sum(s[3] for s in samples) / len(samples),
        answer_rate=sum(a == a for a in answers) / len(samples),
        samples=samples,
    )
