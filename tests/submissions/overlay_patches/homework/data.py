import json
from pathlib import Path

DATA_DIR = Path(__file__).parent.parent / "data"


class Dataset:
    def __init__(self, split):
        with open(DATA_DIR / f"{split}.json") as f:
            self.data = json.load(f)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


def benchmark(func, dataset, max_question):
    idx = range(min(len(dataset), max_question))
    answers = func.answer(*[dataset[i][0] for i in idx])
    good = [is_answer_valid(a, dataset[i][1]) for i, a in zip(idx, answers)]
    return {
        "accuracy": sum(good) / len(good),
        "answer_rate": sum(a == a for a in answers) / len(good),
        "samples": [(*dataset[i][:2], a) for i, a in zip(idx, answers)],
    }
