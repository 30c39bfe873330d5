import json
from dataclasses import dataclass
from pathlib import Path

DATA_DIR = Path(__file__).parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        with open(DATA_DIR / f"{split}.json") as f:
            self.data = json.load(f)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    # nan is never smaller than something so nan is wrong automatically, nice
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


@dataclass
class Sample:
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


@dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = []
        for i in range(min(len(dataset), max_question)):
            q = dataset[i][0]
            c = dataset[i][1]
            a = answers[i]
            samples.append(Sample(q, a, c, is_answer_valid(a, c)))
        n = len(samples)
        if n == 0:
            # nothing was asked
            return cls(accuracy=0.0, answer_rate=0.0, samples=[])
        good = 0
        got = 0
        for s in samples:
            if s.is_correct:
                good = good + 1
            if s.answer == s.answer:  # nan != nan
                got = got + 1
        return cls(accuracy=good / n, answer_rate=got / n, samples=samples)


def benchmark(func, dataset, max_question):
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    answers = func.answer(*questions)
    return BenchmarkResult.from_answers(answers, dataset, max_question)
