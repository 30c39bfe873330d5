from __future__ import annotations

import re
from itertools import islice
from typing import Iterable, Iterator

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .settings import settings

_VALUE = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def chunked(items: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(items)
    while block := list(islice(iterator, size)):
        yield block


class BaseLLM:
    def __init__(self, checkpoint: str = settings.checkpoint):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question.strip()

    def parse_answer(self, text: str) -> float:
        match = _VALUE.search(text)
        try:
            return float(match.group(1).strip()) if match else float("nan")
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    @torch.inference_mode()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        results: list = []
        for block in chunked(prompts, settings.batch_size):
            encoded = self.tokenizer(block, padding=True, return_tensors="pt").to(self.device)
            options = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
            tokens = self.model.generate(
                **encoded,
                **options,
                max_new_tokens=settings.max_new_tokens,
                num_return_sequences=num_return_sequences or 1,
                pad_token_id=self.tokenizer.pad_token_id,
            )
            texts = self.tokenizer.batch_decode(
                tokens[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True
            )
            if num_return_sequences is None:
                results += texts
            else:
                results += [list(group) for group in chunked(texts, num_return_sequences)]
        return results

    def answer(self, *questions: str) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]
