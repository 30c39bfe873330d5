"""What the model reads and what it should write."""

from __future__ import annotations

from functools import partial

OPENING = "<answer>"
CLOSING = "</answer>"


def ask(question: str, *, hint: str = "Give the number only.", ending: str = f" {OPENING}") -> str:
    parts = [question.strip(), hint]
    return " ".join(part for part in parts if part) + ending


bare = partial(ask, hint="")
reasoned = partial(ask, hint="", ending="")


def value(answer: float, digits: int = 3) -> str:
    return f"{round(answer, digits)}{CLOSING}"
