from __future__ import annotations

import math
import re
from itertools import islice
from typing import Iterable, Iterator

import torch

from .backbone import open_base, open_tokenizer, pick_device
from .prompting import DIRECT, Layout
from .settings import model_settings

_TAGGED = re.compile(r"<answer>\s*(-?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?)")


def _chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


class BaseLLM:
    layout: Layout = Layout(lead_in="")

    def __init__(self, checkpoint: str | None = None):
        import dataclasses

        settings = model_settings()
        if checkpoint is not None:
            settings = dataclasses.replace(settings, checkpoint=checkpoint)
        self.settings = settings
        self.tokenizer = open_tokenizer(settings)
        self.model = open_base(settings).eval()
        self.device = pick_device()

    def format_prompt(self, question: str) -> str:
        return self.layout.prompt(question)

    def parse_answer(self, text: str) -> float:
        """NaN when nothing was said. (0.0 here would count as an answer, so no.)"""
        found = _TAGGED.search(text)
        if found is None:
            return math.nan
        return float(found[1].replace(",", ""))

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0.0):
        out: list = []
        for chunk in _chunks(prompts, self.settings.micro_batch):
            out.extend(self._one_batch(chunk, num_return_sequences, temperature))
        return out

    @torch.inference_mode()
    def _one_batch(self, prompts, num_return_sequences, temperature):
        # left padding (set in open_tokenizer), so the prompt ends where the generation begins
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        ids = self.model.generate(
            **batch,
            **sampling,
            max_new_tokens=self.settings.max_new_tokens,
            num_return_sequences=num_return_sequences or 1,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        texts = self.tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1]:], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        n = num_return_sequences
        return [texts[i:i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions: str) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(self._complete(t)) for t in self.batched_generate(prompts)]

    def _complete(self, generation: str) -> str:
        """The direct layout puts the opening tag into the prompt; put it back before parsing."""
        return generation if self.layout is not DIRECT else Layout.OPEN + generation


def _smoke() -> None:
    llm = BaseLLM()
    for text in llm.batched_generate(["The cat went up", "The dog went down"]):
        print(text)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": _smoke})
