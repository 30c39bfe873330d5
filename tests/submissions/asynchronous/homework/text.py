"""Everything between strings and tensors, shared by the trainer and the client."""

import contextlib
from dataclasses import dataclass

OPEN = "<answer>"
CLOSE = "</answer>"


@dataclass(frozen=True)
class Padding:
    side: str = "right"
    width: int | None = None

    def apply(self, tokenizer, texts):
        tokenizer.padding_side = self.side
        tokenizer.pad_token = tokenizer.eos_token
        how = {"padding": True} if self.width is None else {"padding": "max_length", "max_length": self.width, "truncation": True}
        return tokenizer(texts, return_tensors="pt", **how)


def encode(tokenizer, texts, padding: Padding | None = None):
    return (padding or Padding()).apply(tokenizer, texts)


def read_value(text: str) -> float:
    """The number between the tags."""
    value = 0.0
    with contextlib.suppress(ValueError, IndexError):
        value = float(text.split(OPEN, 1)[1].split(CLOSE, 1)[0].replace(",", ""))
    return value


def direct(question: str) -> str:
    return f"{question.strip()} {OPEN}"


def bare(question: str) -> str:
    return question.strip()
