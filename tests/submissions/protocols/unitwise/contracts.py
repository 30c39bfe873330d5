"""The seams of the package. Everything here is a Protocol or a plain value."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


class Purpose(enum.Enum):
    """Why an adapter is being attached. SERVE freezes it, TRAIN must not."""

    TRAIN = "train"
    SERVE = "serve"


class AdapterNotFound(FileNotFoundError):
    """No complete adapter at the given place. Deliberately not recoverable."""


class BudgetExceeded(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class LoraSpec:
    rank: int
    alpha: int
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one stage trains with."""

    lora: LoraSpec
    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 7e-4
    seed: int = 20


@runtime_checkable
class Answerer(Protocol):
    def answer(self, *questions: str) -> list[float]: ...


class PromptStyle(Protocol):
    """One object for both directions: training and inference cannot drift apart."""

    def prompt(self, question: str) -> str: ...

    def target(self, row: Sequence[Any]) -> str: ...

    def recover(self, completion: str) -> str: ...


class AdapterStore(Protocol):
    def locate(self, where: Path) -> Path: ...

    def attach(self, model: Any, where: Path, purpose: Purpose) -> Any: ...

    def fresh(self, model: Any, spec: LoraSpec) -> Any: ...


class Fitter(Protocol):
    def fit(self, model: Any, rows: Sequence[Mapping[str, list[int]]], recipe: Recipe, out: Path) -> None: ...
