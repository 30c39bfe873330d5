"""The run behind the numbers: what a rule may look at when the numbers of a step say that something is wrong.

Looking costs nothing as long as nothing is wrong, and changes nothing when it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from .passes import FP16_MAX, find_overflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .passes import Spot


@dataclass
class Live:
    """The run behind the numbers, as far as it can be looked at.

    Attributes:
        model: What is trained.
        optimizer: What trains it.
        trainable: Parameters that are watched, by name.
        scheduler: None without one.
        max_steps: 0 where nobody knows.
        executed: Names of trainable parameters whose module took part in a forward pass of this step.
        fresh: Names of parameters that held nothing but zeros before the first step.
        is_fp16: Something computes in fp16.
        hides_nan: The log will print a NaN loss as 0.0.
        rerun: Whether a batch may be run forward again to find where numbers went wrong.
        batches: What the model was called with, for each micro-batch of this step; None where it was not seen.
    """

    model: torch.nn.Module
    optimizer: Any
    trainable: Mapping[str, torch.nn.Parameter]
    scheduler: Any = None
    max_steps: int = 0
    executed: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    is_fp16: bool = False
    hides_nan: bool = False
    rerun: bool = True
    batches: list[Mapping[str, Any] | None] = field(default_factory=list)

    @property
    def is_syncing(self) -> bool:
        """Whether this step is one: accelerate's optimizer does nothing on micro-batches that only accumulate."""
        return bool(getattr(getattr(self.optimizer, "gradient_state", None), "sync_gradients", True))

    def broken_weight(self) -> str | None:
        """The first weight, in the order of the model, that is NaN or inf by itself."""
        for name, weight in self.model.named_parameters():
            if weight.is_floating_point() and not bool(weight.detach().isfinite().all()):
                return name
        return None

    def first_module(self, micro_batch: int) -> Spot | None:
        """Run a micro-batch forward again: where do its numbers leave the range? None where that is not found out."""
        batch = self.batches[micro_batch - 1] if micro_batch <= len(self.batches) else None
        if not self.rerun or batch is None:
            return None
        try:
            return find_overflow(self.model, batch, FP16_MAX if self.is_fp16 else math.inf)
        except Exception:  # noqa: BLE001 - a model that cannot be called twice; the finding stands without
            return None

    def wide_norm(self, name: str) -> float:
        """Norm in float64 of a gradient whose norm in float32 overflows; NaN of one that somebody has made finite."""
        gradient = self.trainable[name].grad
        if gradient is None or math.isfinite(float(torch.linalg.vector_norm(gradient, dtype=torch.float32))):
            return math.nan
        return float(torch.linalg.vector_norm(gradient.cpu(), dtype=torch.float64))

    def is_finite(self, name: str) -> bool:
        """Whether a gradient holds finite numbers now, whatever it held when it came."""
        gradient = self.trainable[name].grad
        return gradient is not None and bool(gradient.isfinite().all())

    @property
    def has_gradient(self) -> bool:
        """Whether any gradient holds anything; a norm may be 0 because squares underflow."""
        return any(weight.grad is not None and bool(weight.grad.any()) for weight in self.trainable.values())
