import json
import math
from pathlib import Path

DATA_DIR = Path(__file__).parent.parent / "data"


class Dataset:
    def __init__(self, split):
        with open(DATA_DIR / f"{split}.json") as f:
            self.data = json.load(f)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


class BenchmarkResult:
    def __init__(self, pairs):
        self.samples = pairs
        self.accuracy = sum(is_answer_valid(a, g) for _, a, g in pairs) / len(pairs)
        self.answer_rate = sum(not math.isnan(a) for _, a, _ in pairs) / len(pairs)

    def __str__(self):
        return f"accuracy={self.accuracy:.3f} answer_rate={self.answer_rate:.3f}"


def benchmark(func, dataset, max_question):
    rows = [dataset[i] for i in range(min(max_question, len(dataset)))]
    answers = func.answer(*[r[0] for r in rows])
    return BenchmarkResult([(r[0], a, r[1]) for r, a in zip(rows, answers)])
