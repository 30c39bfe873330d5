from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from homework.core.schema import Schema

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
VALUE = re.compile(r"<answer>\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*</answer>", re.IGNORECASE)


@dataclass
class PromptBatch(Schema):
    """A list of prompts, ready for the tokenizer."""

    items: list[str]
    finish: Callable[[str], str]
    rows: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        self.items = [self.finish(item) for item in self.items]

    def __iter__(self) -> Iterator[list[str]]:
        for start in range(0, len(self.items), self.rows):
            yield self.items[start : start + self.rows]


class BaseLLM:
    max_new_tokens: int = 60

    def __init__(self, checkpoint: str = CHECKPOINT) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        found = VALUE.search(text)
        if found is None:
            return math.nan
        try:
            return float(found.group(1))
        except ValueError:
            return math.nan

    def generate(self, prompt: str) -> str:
        return self._complete(PromptBatch([prompt], finish=self.format_prompt), 1, 0.0)[0]

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        copies = num_return_sequences or 1
        batch = PromptBatch(prompts, finish=self.format_prompt, rows=max(1, 32 // copies))
        texts = self._complete(batch, copies, temperature)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + copies] for i in range(0, len(texts), copies)]

    @torch.inference_mode()
    def _complete(self, batch: PromptBatch, copies: int, temperature: float) -> list[str]:
        texts: list[str] = []
        for rows in batch:
            inputs = self.tokenizer(rows, padding=True, return_tensors="pt").to(self.device)
            sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
            output = self.model.generate(
                **inputs,
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=copies,
                pad_token_id=self.tokenizer.pad_token_id,
                **sampling,
            )
            new = output[:, inputs["input_ids"].shape[1] :]
            texts.extend(self.tokenizer.batch_decode(new, skip_special_tokens=True))
        return texts

    def answer(self, *questions: str) -> list[float]:
        prompts = [self.format_prompt(question) for question in questions]
        return [self.parse_answer(str(completion)) for completion in self.batched_generate(prompts)]
