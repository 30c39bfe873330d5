"""Everything that has to do with token ids: the tokenizer, training rows, the mask of the prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from transformers import AutoTokenizer

IGNORE_INDEX = -100


@dataclass(frozen=True)
class TokenizerFactory:
    side: str = "right"
    fast: bool = True

    def __call__(self, checkpoint: str):
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, use_fast=self.fast, padding_side=self.side)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer


class Masking(Protocol):
    def __call__(self, encode: Callable[[str], dict[str, list[int]]], prompt: str, full: dict) -> list[int]: ...


class CompletionOnly:
    """Learn the completion and its end; nothing of the prompt, nothing of the padding."""

    def __call__(self, encode, prompt, full):
        start = len(encode(prompt)["input_ids"])
        labels = []
        for position, (token, attended) in enumerate(zip(full["input_ids"], full["attention_mask"])):
            learn = attended and position >= start
            labels.append(token if learn else IGNORE_INDEX)
        return labels


@dataclass
class RowEncoder:
    tokenizer: Any
    max_length: int = 128
    masking: Masking = CompletionOnly()

    def __post_init__(self):
        self.encode = partial(
            self.tokenizer, padding="max_length", truncation=True, max_length=self.max_length, padding_side="right"
        )

    def __call__(self, prompt: str, completion: str) -> dict[str, list[int]]:
        full = dict(self.encode(prompt + completion + self.tokenizer.eos_token))
        full["labels"] = self.masking(self.encode, prompt, full)
        return full
