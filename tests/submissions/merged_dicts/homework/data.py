import json
from pathlib import Path
from types import SimpleNamespace

HOME = Path(__file__).resolve().parent
FILES = HOME.parent / "data"


class Dataset:
    def __init__(self, split):
        self.items = json.loads((FILES / f"{split}.json").read_bytes())

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    difference = abs(round(answer, 3) - round(correct_answer, 3))
    return difference < relative_tolerance * abs(round(correct_answer, 3))


class BenchmarkResult(SimpleNamespace):
    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        pairs = list(zip(dataset[:max_question], answers))
        samples = [
            SimpleNamespace(question=q, answer=a, correct_answer=c, is_correct=is_answer_valid(a, c)) for (q, c), a in pairs
        ]
        return cls(
            accuracy=sum(s.is_correct for s in samples) / len(samples),
            answer_rate=sum(s.answer == s.answer for s in samples) / len(samples),
            samples=samples,
        )


def benchmark(func, dataset, max_question):
    questions = [q for q, *_ in dataset[:max_question]]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)
