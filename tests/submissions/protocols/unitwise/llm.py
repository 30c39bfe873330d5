from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from . import precision, profiles
from .contracts import PromptStyle
from .styles import CLOSE, OPEN, Plain

T = TypeVar("T")
_VALUE = re.compile(re.escape(OPEN) + r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*" + re.escape(CLOSE))


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class BaseLLM:
    """The base model. Stages inject a style and, later, an adapter."""

    MAX_ROWS = 64

    def __init__(self, checkpoint: str | None = None, style: PromptStyle | None = None) -> None:
        profile = profiles.current()
        checkpoint = checkpoint or profile.base
        self.style: PromptStyle = style or Plain()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.eos_token
        # one dtype for training, test and load: the policy's
        dtype = precision.resolve("fp32" if self.device == "cpu" else profile.precision).weights
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype).to(self.device)

    def format_prompt(self, question: str) -> str:
        return self.style.prompt(question)

    def parse_answer(self, text: str) -> float:
        found = _VALUE.search(self.style.recover(text))
        if found is None:
            return float("nan")
        try:
            return float(found[1])
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        copies = num_return_sequences or 1
        rows = max(1, self.MAX_ROWS // copies)
        collected: list[str] = []
        for part in slices(prompts, rows):
            collected += self._one_batch(list(part), copies, temperature)
        if num_return_sequences is None:
            return collected
        return [list(group) for group in slices(collected, copies)]

    @torch.inference_mode()
    def _one_batch(self, prompts: list[str], copies: int, temperature: float) -> list[str]:
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        out = self.model.generate(
            **batch,
            max_new_tokens=64,
            num_return_sequences=copies,
            pad_token_id=self.tokenizer.pad_token_id,
            **sampling,
        )
        return self.tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
