import json
import os
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))


class Dataset:
    def __init__(self, split):
        with open(os.path.join(HERE, "..", "data", split + ".json")) as f:
            self.data = json.load(f)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


@dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = [(q, a, c, is_answer_valid(a, c)) for (q, c, *_), a in zip(dataset.data[:max_question], answers)]
        return cls(sum(s[3] for s in samples) / len(samples), sum(s[1] == s[1] for s in samples) / len(samples), samples)


def benchmark(func, dataset, max_question):
    return BenchmarkResult.from_answers(func.answer(*[row[0] for row in dataset.data[:max_question]]), dataset, max_question)
