import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import DataLoader

DATA = Path(__file__).resolve().parent.parent / "data"


class Dataset:
    def __init__(self, split: str):
        with open(DATA / f"{split}.json") as f:
            self.data = json.load(f)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
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
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        rows = [dataset[i] for i in range(min(len(dataset), max_question))]
        samples = [Sample(r[0], a, r[1], is_answer_valid(a, r[1])) for r, a in zip(rows, answers)]
        accuracy = sum(s.is_correct for s in samples) / len(samples)
        answer_rate = sum(s.answer == s.answer for s in samples) / len(samples)
        return cls(accuracy, answer_rate, samples)


def benchmark(func, dataset, max_question):
    rows = [dataset[i] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*[r[0] for r in rows]), dataset, max_question)


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn, tokenize_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn
        self.tokenize_fn = tokenize_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.tokenize_fn(self.tokenizer, **self.format_fn(*self.data[idx]))


class UnitDataModule:
    """Holds the rows of one split and hands out padded batches."""

    def __init__(self, dataset: TokenizedDataset, batch_size: int):
        self.dataset = dataset
        self.batch_size = batch_size
        self.pad_id = dataset.tokenizer.pad_token_id

    def train_dataloader(self) -> DataLoader:
        return DataLoader(
            self.dataset, batch_size=self.batch_size, shuffle=True, drop_last=True, collate_fn=self.collate
        )

    def collate(self, rows):
        width = max(len(r["input_ids"]) for r in rows)
        batch = {"input_ids": [], "attention_mask": [], "labels": []}
        for r in rows:
            gap = width - len(r["input_ids"])
            batch["input_ids"].append(r["input_ids"] + [self.pad_id] * gap)
            batch["attention_mask"].append([1] * len(r["input_ids"]) + [0] * gap)
            batch["labels"].append(r["labels"] + [-100] * gap)
        return {k: torch.tensor(v) for k, v in batch.items()}
