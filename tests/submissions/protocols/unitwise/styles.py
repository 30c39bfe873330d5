"""Prompt styles. `prompt` is used by training and by inference, `recover` undoes what `prompt` already opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

OPEN, CLOSE = "<answer>", "</answer>"


class Plain:
    def prompt(self, question: str) -> str:
        return question

    def target(self, row: Sequence[Any]) -> str:
        raise NotImplementedError("the plain style is not trained")

    def recover(self, completion: str) -> str:
        return completion


class DirectValue:
    def prompt(self, question: str) -> str:
        return f"{question.strip()} {OPEN}"

    def target(self, row: Sequence[Any]) -> str:
        return f"{round(float(row[1]), 4):.12g}{CLOSE}"

    def recover(self, completion: str) -> str:
        return OPEN + completion


class Reasoned:
    def prompt(self, question: str) -> str:
        return question.strip()

    def target(self, row: Sequence[Any]) -> str:
        return f" {row[2].strip()}"

    def recover(self, completion: str) -> str:
        return completion
