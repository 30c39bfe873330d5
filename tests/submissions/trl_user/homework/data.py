import json
from dataclasses import dataclass
from pathlib import Path

DATA_DIR = Path(__file__).parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        with (DATA_DIR / f"{split}.json").open() as f:
            self.data = json.load(f)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
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
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        rows = [dataset[i] for i in range(min(len(dataset), max_question))]
        samples = [
            Sample(question=row[0], answer=a, correct_answer=row[1], is_correct=is_answer_valid(a, row[1]))
            for row, a in zip(rows, answers)
        ]
        n = len(samples)
        return cls(
            accuracy=sum(s.is_correct for s in samples) / n,
            # NaN is the only number that is not equal to itself
            answer_rate=sum(s.answer == s.answer for s in samples) / n,
            samples=samples,
        )


def benchmark(func, dataset, max_question=100):
    questions = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    answers = func.answer(*questions)
    return BenchmarkResult.from_answers(answers, dataset, max_question)


if __name__ == "__main__":
    print(Dataset("train")[0])
