"""Precision policies.

A policy says two things: in which dtype the weights are held and which mixed-precision switch the
Trainer gets. The weights are *always* held in float32 for fp16: the Trainer's GradScaler needs
fp32 master weights, and `model.half()` is how loss 0.0 / grad_norm nan happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Policy:
    name: str
    weights: torch.dtype = torch.float32
    trainer_flags: dict[str, bool] = field(default_factory=dict)


class PrecisionUnavailable(RuntimeError):
    pass


_POLICIES: dict[str, Callable[[], Policy]] = {}


def policy(name: str) -> Callable[[Callable[[], Policy]], Callable[[], Policy]]:
    def register(factory: Callable[[], Policy]) -> Callable[[], Policy]:
        _POLICIES[name] = factory
        return factory

    return register


@policy("fp32")
def _fp32() -> Policy:
    return Policy("fp32")


@policy("bf16-amp")
def _bf16() -> Policy:
    if not (torch.cuda.is_available() and torch.cuda.is_bf16_supported()):
        raise PrecisionUnavailable("bf16-amp asked for, but this device has no bf16")
    return Policy("bf16-amp", trainer_flags={"bf16": True})


@policy("fp16-amp")
def _fp16() -> Policy:
    # Trainer(fp16=True) brings torch.amp.GradScaler along on CUDA. Elsewhere it would train in fp32 without a word.
    if not torch.cuda.is_available():
        raise PrecisionUnavailable("fp16-amp needs CUDA (the scaler lives there); choose fp32")
    return Policy("fp16-amp", trainer_flags={"fp16": True})


def resolve(wish: str) -> Policy:
    if wish == "auto":
        # ordered by preference; fp16-amp is *not* in this list on purpose
        for name in ("bf16-amp", "fp32"):
            try:
                return _POLICIES[name]()
            except PrecisionUnavailable:
                continue
    try:
        return _POLICIES[wish]()
    except KeyError:
        raise ValueError(f"unknown precision {wish!r}, one of {sorted(_POLICIES)}") from None
