import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


async def read_json(name: str):
    return json.loads(await asyncio.to_thread((DATA / name).read_text))


class Dataset:
    def __init__(self, split: str):
        self.rows = json.loads((DATA / f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]

    async def __aiter__(self):
        for row in self.rows:
            yield row
            await asyncio.sleep(0)


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    answer, correct_answer = round(answer, 3), round(correct_answer, 3)
    return abs(answer - correct_answer) < relative_tolerance * abs(correct_answer)


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
        for (question, correct), answer in zip(dataset[:max_question], answers):
            samples.append(Sample(question, answer, correct, is_answer_valid(answer, correct)))
        total = len(samples) or 1
        answered = [s for s in samples if s.answer == s.answer]
        return cls(sum(s.is_correct for s in samples) / total, len(answered) / total, samples)


def benchmark(func, dataset, max_question):
    return BenchmarkResult.from_answers(func.answer(*[q for q, _ in dataset[:max_question]]), dataset, max_question)
