"""Reads settings.toml once and hands out frozen dataclasses."""
from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Mapping, TypeVar

import torch

HERE = Path(__file__).resolve().parent
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    checkpoint: str
    dtype: str
    max_new_tokens: int
    micro_batch: int

    @property
    def torch_dtype(self) -> torch.dtype:
        return getattr(torch, self.dtype)


@dataclass(frozen=True, slots=True)
class StageSettings:
    adapter: str
    source: str
    rank: int
    alpha: int
    learning_rate: float
    epochs: int
    fp16: bool = False

    @property
    def folder(self) -> Path:
        return HERE / self.adapter


def _build(cls: type[T], table: Mapping[str, Any]) -> T:
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    if unknown := set(table) - known:
        raise KeyError(f"unknown settings: {sorted(unknown)}")
    return cls(**table)


@cache
def _document() -> dict[str, Any]:
    with (HERE / "settings.toml").open("rb") as handle:
        return tomllib.load(handle)


def model_settings() -> ModelSettings:
    return _build(ModelSettings, _document()["model"])


def stage_settings(name: str) -> StageSettings:
    return _build(StageSettings, _document()["stages"][name])
