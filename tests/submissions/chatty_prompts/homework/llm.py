import json
import re
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

__all__ = ["BaseLLM", "Dataset", "benchmark"]


class BaseLLM:
    name = "HuggingFaceTB/SmolLM2-360M-Instruct"

    def __init__(self, checkpoint=None):
        checkpoint = checkpoint or self.name
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="right")
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        self.device = next(self.model.parameters()).device
        if torch.cuda.is_available():
            self.model, self.device = self.model.cuda(), torch.device("cuda")

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        m = re.search(r"(?:<answer>)?\s*(-?[\d.]+(?:e[-+]?\d+)?)\s*</answer>", text)
        if m is None:
            return float("nan")
        try:
            return float(m[1])
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        texts = []
        for i in range(0, len(prompts), 16):
            enc = self.tokenizer(prompts[i : i + 16], padding=True, return_tensors="pt").to(self.device)
            with torch.no_grad():
                seq = self.model.generate(
                    input_ids=enc["input_ids"],
                    attention_mask=enc["attention_mask"],
                    max_new_tokens=50,
                    do_sample=temperature > 0,
                    temperature=temperature or 1.0,
                    num_return_sequences=num_return_sequences or 1,
                )
            texts += self.tokenizer.batch_decode(seq[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions):
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(t) for t in self.batched_generate(prompts)]


class Dataset(list):
    def __init__(self, split):
        with (Path(__file__).parents[1] / "data" / f"{split}.json").open() as fh:
            super().__init__(json.load(fh))


def _valid(answer, correct, tol=0.05):
    return abs(round(answer, 3) - round(correct, 3)) < tol * abs(round(correct, 3))


def benchmark(func, dataset, max_question):
    rows = dataset[:max_question]
    answers = func.answer(*[r[0] for r in rows])
    acc = sum(_valid(a, r[1]) for a, r in zip(answers, rows)) / len(rows)
    rate = sum(a == a for a in answers) / len(rows)
    print(f"accuracy {acc:.3f}   answer rate {rate:.3f}")
    return acc, rate
