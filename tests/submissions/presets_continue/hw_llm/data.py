import json
from types import SimpleNamespace

from .config import HERE


class Dataset:
    def __init__(self, split):
        self.data = json.loads(HERE.parent.joinpath("data", split + ".json").read_text())

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


def benchmark(func, dataset, max_question):
    rows = dataset.data[:max_question]
    samples = [
        SimpleNamespace(question=q, answer=a, correct_answer=gold, is_correct=is_answer_valid(a, gold))
        for (q, gold, *_), a in zip(rows, func.answer(*[r[0] for r in rows]))
    ]
    return SimpleNamespace(
        accuracy=sum(s.is_correct for s in samples) / len(samples),
        answer_rate=sum(s.answer == s.answer for s in samples) / len(samples),
        samples=samples,
    )
