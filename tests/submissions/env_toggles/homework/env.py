"""Switches that are read from the environment, and a way to set them for the length of a block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
PREFIX = "UNITS_"


@dataclass(frozen=True)
class Switch(Generic[T]):
    name: str
    default: T
    read: Callable[[str], T]

    def get(self) -> T:
        text = os.environ.get(PREFIX + self.name)
        return self.default if text is None else self.read(text)


CHECKPOINT = Switch("CHECKPOINT", "HuggingFaceTB/SmolLM2-360M-Instruct", str)
WEIGHTS = Switch("WEIGHTS", "auto", str)
BATCH = Switch("BATCH", 32, int)
EPOCHS = Switch("EPOCHS", 5, int)
LEARNING_RATE = Switch("LEARNING_RATE", 7e-4, float)
SEED = Switch("SEED", 3, int)
QUIET = Switch("QUIET", False, lambda text: text.lower() in ("1", "true", "yes"))


@contextmanager
def switched(**values) -> Iterator[None]:
    """Set switches inside a ``with`` block; afterwards everything is as it was."""
    before = {PREFIX + name: os.environ.get(PREFIX + name) for name in values}
    os.environ.update({PREFIX + name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for key, old in before.items():
            if old is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = old
