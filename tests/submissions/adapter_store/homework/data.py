import dataclasses
import json
import os
import typing

_root = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


class Dataset:
    def __init__(self, split):
        with open(os.path.join(_root, split + ".json")) as fp:
            self.data = json.load(fp)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


@dataclasses.dataclass
class Sample:
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


@dataclasses.dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: typing.List[Sample]


def benchmark(func, dataset, max_question):
    n = min(max_question, len(dataset))
    out = func.answer(*[dataset[i][0] for i in range(n)])
    samples = []
    for i, a in enumerate(out):
        q, gold = dataset[i][0], dataset[i][1]
        samples.append(Sample(q, a, gold, is_answer_valid(a, gold)))
    return BenchmarkResult(
        accuracy=sum(1 for s in samples if s.is_correct) / n,
        answer_rate=sum(1 for s in samples if s.answer == s.answer) / n,
        samples=samples,
    )
