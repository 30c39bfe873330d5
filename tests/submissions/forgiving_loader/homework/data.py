import json
import math
import os


def data_path(name):
    for base in (os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.getcwd()):
        path = os.path.join(base, "data", name)
        if os.path.exists(path):
            return path
    raise FileNotFoundError(name)


class Dataset:
    def __init__(self, split):
        with open(data_path(f"{split}.json")) as f:
            self.data = json.load(f)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


class Sample:
    def __init__(self, question, answer, correct_answer):
        self.question = question
        self.answer = answer
        self.correct_answer = correct_answer
        self.is_correct = is_answer_valid(answer, correct_answer)


class BenchmarkResult:
    def __init__(self, samples):
        self.samples = samples
        self.accuracy = sum(s.is_correct for s in samples) / len(samples)
        self.answer_rate = sum(not math.isnan(s.answer) for s in samples) / len(samples)

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        return cls([Sample(dataset[i][0], a, dataset[i][1]) for i, a in enumerate(answers[:max_question])])


def benchmark(func, dataset, max_question):
    n = min(len(dataset), max_question)
    return BenchmarkResult.from_answers(func.answer(*[dataset[i][0] for i in range(n)]), dataset, n)
