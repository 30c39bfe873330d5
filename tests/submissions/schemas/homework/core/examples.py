from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

IGNORED = -100


@dataclass(frozen=True)
class Example:
    """Question as the model sees it, completion as the model should write it."""

    question: str
    answer: str


@dataclass
class TokenizedDataset:
    tokenizer: Any
    data: Sequence[Example]
    length: int = 160

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return tokenize(self.tokenizer, self.data[index].question, self.data[index].answer, self.length)


def tokenize(tokenizer: Any, question: str, answer: str, length: int = 160) -> dict[str, list[int]]:
    prompt = tokenizer(question)["input_ids"]
    tokens = [*tokenizer(question + answer)["input_ids"], tokenizer.eos_token_id][:length]
    padding = length - len(tokens)
    return {
        "input_ids": [*tokens, *[tokenizer.pad_token_id] * padding],
        "attention_mask": [*[1] * len(tokens), *[0] * padding],
        "labels": [*[IGNORED] * len(prompt), *tokens[len(prompt) :], *[IGNORED] * padding],
    }
