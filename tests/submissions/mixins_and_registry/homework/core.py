from __future__ import annotations

import json
import pathlib
import typing as t

import torch
import transformers

from .decorators import frozen, in_pieces

BASE = "HuggingFaceTB/SmolLM2-360M-Instruct"
HERE = pathlib.Path(__file__).parent


class Dataset:
    root: t.ClassVar[pathlib.Path] = HERE.parent / "data"

    def __init__(self, split: str):
        self.rows = json.loads(self.root.joinpath(split).with_suffix(".json").read_text())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> list:
        return self.rows[i]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    answer, correct_answer = round(answer, 3), round(correct_answer, 3)
    return abs(answer - correct_answer) < relative_tolerance * abs(correct_answer)


class Sample(t.NamedTuple):
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


class BenchmarkResult(t.NamedTuple):
    accuracy: float
    answer_rate: float
    samples: list[Sample]

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        rows = [dataset[i] for i in range(min(len(dataset), max_question))]
        s = [Sample(row[0], a, row[1], is_answer_valid(a, row[1])) for row, a in zip(rows, answers)]
        return cls(sum(x.is_correct for x in s) / len(s), sum(x.answer == x.answer for x in s) / len(s), s)


def benchmark(func, dataset, max_question):
    asked = [dataset[i][0] for i in range(min(len(dataset), max_question))]
    return BenchmarkResult.from_answers(func.answer(*asked), dataset, max_question)


class Parsing:
    opening = "<answer>"
    closing = "</answer>"

    def parse_answer(self, text: str) -> float:
        nothing = float("nan")
        tail = text.split(self.opening)[-1]
        if self.closing not in tail:
            return nothing
        try:
            return float(tail.split(self.closing)[0].strip())
        except ValueError:
            return nothing


class Generating:
    @frozen
    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    @frozen
    @in_pieces(32)
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        k = num_return_sequences or 1
        batch = self.tokenizer(prompts, return_tensors="pt", padding="longest").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        ids = self.model.generate(**batch, **sampling, max_new_tokens=56, num_return_sequences=k)
        texts = self.tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return texts if num_return_sequences is None else [texts[j : j + k] for j in range(0, len(texts), k)]


class Answering:
    def format_prompt(self, question: str) -> str:
        return question

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(text) for text in self.batched_generate([self.format_prompt(q) for q in questions])]


class BaseLLM(Answering, Generating, Parsing):
    def __init__(self, checkpoint: str = BASE):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16).to(self.device)
