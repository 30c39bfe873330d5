import json
from functools import cached_property
from importlib import resources
from pathlib import Path


class Dataset:
    """A split of the course's data."""

    def __init__(self, split: str):
        self.split = split

    @cached_property
    def data(self):
        root = Path(str(resources.files(__package__))).parent
        return json.loads((root / "data" / f"{self.split}.json").read_text())

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    x, y = (round(v, 3) for v in (answer, correct_answer))
    return abs(x - y) < relative_tolerance * abs(y)


def benchmark(func, dataset, max_question):
    rows = dataset.data[:max_question]
    answers = func.answer(*(q for q, _ in rows))
    verdicts = [is_answer_valid(a, c) for a, (_, c) in zip(answers, rows)]
    return {"accuracy": sum(verdicts) / len(rows), "answer_rate": sum(a == a for a in answers) / len(rows)}
