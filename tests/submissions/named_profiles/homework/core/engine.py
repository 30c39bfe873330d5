from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


def best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_base(checkpoint: str):
    """The one place that loads the base, so that training and inference cannot disagree on the dtype."""
    return AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)


def halves(items: Sequence[str], limit: int) -> Iterator[Sequence[str]]:
    """Split until no piece is longer than limit."""
    if len(items) <= limit:
        yield items
        return
    middle = len(items) // 2
    yield from halves(items[:middle], limit)
    yield from halves(items[middle:], limit)


class Generator:
    def __init__(self, model, tokenizer, device: str, limit: int = 48):
        self.model, self.tokenizer, self.device, self.limit = model, tokenizer, device, max(1, limit)

    @cached_property
    def pad_id(self) -> int:
        return self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id

    def __call__(self, prompts: Sequence[str], count: int, temperature: float) -> list[list[str]]:
        out: list[list[str]] = []
        for piece in halves(list(prompts), self.limit):
            out.extend(self._piece(list(piece), count, temperature))
        return out

    def _piece(self, prompts: list[str], count: int, temperature: float) -> list[list[str]]:
        before = self.tokenizer.padding_side
        try:
            self.tokenizer.padding_side = "left"
            batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        finally:
            self.tokenizer.padding_side = before
        mode = dict(do_sample=True, temperature=temperature) if temperature else dict(do_sample=False)
        with torch.inference_mode():
            ids = self.model.generate(
                **batch, max_new_tokens=64, pad_token_id=self.pad_id, num_return_sequences=count, **mode
            )
        texts = self.tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return [texts[i : i + count] for i in range(0, len(texts), count)]


def number_in(text: str) -> float:
    """'... <answer>12.5</answer>' or '12.5</answer>' -> 12.5, everything else NaN."""
    head, close, _ = text.partition("</answer>")
    if not close:
        return math.nan
    try:
        value = float(head.rpartition("<answer>")[2].strip().replace(",", ""))
    except ValueError:
        value = math.nan
    return value if math.isfinite(value) else math.nan


def make_tokenizer(checkpoint: str):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.padding_side = "right"  # the collator pads labels on the right; Generator turns it round for itself
    return tokenizer
