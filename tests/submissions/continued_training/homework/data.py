import json
from pathlib import Path

_root = Path(__file__).parent.parent / "data"


class Dataset:
    def __init__(self, split: str) -> None:
        self.data = json.loads(_root.joinpath(f"{split}.json").read_text())

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> list:
        return self.data[i]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


def benchmark(func, dataset, max_question) -> dict:
    rows = dataset.data[:max_question]
    answers = func.answer(*[q for q, *_ in rows])
    return dict(
        accuracy=sum(is_answer_valid(a, row[1]) for a, row in zip(answers, rows)) / len(rows),
        answer_rate=sum(a == a for a in answers) / len(rows),
    )
