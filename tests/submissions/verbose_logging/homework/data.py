import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

DATA_DIR = Path(__file__).parent.parent / "data"


class Dataset:
    def __init__(self, split):
        path = DATA_DIR / f"{split}.json"
        log.debug("reading %s", path)
        self.data = json.loads(path.read_text())
        log.info("split %r: %d rows, the first one is %r", split, len(self.data), self.data[0])

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    correct_answer = round(correct_answer, 3)
    return abs(round(answer, 3) - correct_answer) < relative_tolerance * abs(correct_answer)


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
    samples: list = field(default_factory=list)

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = []
        for i in range(min(max_question, len(answers))):
            question, correct = dataset[i][0], dataset[i][1]
            sample = Sample(question, answers[i], correct, is_answer_valid(answers[i], correct))
            log.debug("%s %r: got %s, right is %s", "ok   " if sample.is_correct else "WRONG", question, sample.answer, correct)
            samples.append(sample)
        n = len(samples)
        return cls(sum(s.is_correct for s in samples) / n, sum(s.answer == s.answer for s in samples) / n, samples)


def benchmark(func, dataset, max_question=100):
    n = min(len(dataset), max_question)
    log.info("asking %d questions", n)
    answers = func.answer(*[dataset[i][0] for i in range(n)])
    result = BenchmarkResult.from_answers(answers, dataset, n)
    log.info("accuracy %.3f, answer rate %.3f", result.accuracy, result.answer_rate)
    return result
