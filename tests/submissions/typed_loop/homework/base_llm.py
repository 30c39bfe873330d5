from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final, overload

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from .config import BASE_DTYPE, CHECKPOINT, pick_device

NUMBER: Final[re.Pattern[str]] = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|[-+]?\.\d+")


class BaseLLM:
    model: Any
    tokenizer: PreTrainedTokenizerBase
    device: torch.device

    def __init__(self, checkpoint: str = CHECKPOINT, dtype: torch.dtype = BASE_DTYPE) -> None:
        self.device = pick_device()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype).to(self.device)

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, text: str) -> float:
        inside: str = text.partition("<answer>")[2] or text
        found: re.Match[str] | None = NUMBER.match(inside.partition("</answer>")[0].strip())
        return float(found.group().replace(",", "")) if found else math.nan

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    @overload
    def batched_generate(self, prompts: Sequence[str], num_return_sequences: None = None, temperature: float = 0) -> list[str]: ...
    @overload
    def batched_generate(self, prompts: Sequence[str], num_return_sequences: int, temperature: float = 0) -> list[list[str]]: ...

    def batched_generate(
        self,
        prompts: Sequence[str],
        num_return_sequences: int | None = None,
        temperature: float = 0,
    ) -> list[str] | list[list[str]]:
        groups: list[list[str]] = self._halving(list(prompts), num_return_sequences or 1, temperature)
        return groups if num_return_sequences is not None else [group[0] for group in groups]

    def _halving(self, prompts: list[str], count: int, temperature: float) -> list[list[str]]:
        """Generate in one go, in two halves if the GPU has no room for it; a single prompt is not split further."""
        if not prompts:
            return []
        try:
            return self._at_once(prompts, count, temperature)
        except torch.cuda.OutOfMemoryError:
            if len(prompts) == 1:
                raise
        torch.cuda.empty_cache()
        middle: int = len(prompts) // 2
        return self._halving(prompts[:middle], count, temperature) + self._halving(prompts[middle:], count, temperature)

    @torch.inference_mode()
    def _at_once(self, prompts: list[str], count: int, temperature: float) -> list[list[str]]:
        before: str = self.tokenizer.padding_side
        self.tokenizer.padding_side = "left"
        try:
            batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        finally:
            self.tokenizer.padding_side = before
        sampling: dict[str, Any] = {"do_sample": temperature > 0}
        if temperature > 0:
            sampling["temperature"] = temperature
        tokens: torch.Tensor = self.model.generate(
            **batch,
            **sampling,
            max_new_tokens=72,
            num_return_sequences=count,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        texts: list[str] = self.tokenizer.batch_decode(tokens[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return [texts[start : start + count] for start in range(0, len(texts), count)]

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(text) for text in self.batched_generate([self.format_prompt(q) for q in questions])]


def test_model() -> None:
    llm = BaseLLM()
    for text in ("The cat went up", "The dog went down"):
        print(f"{text!r} -> {llm.generate(text)!r}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
