"""The run behind the numbers: what a rule may look at when the numbers of a step say that something is wrong.

Looking costs nothing as long as nothing is wrong, and changes nothing when it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from .adapted import is_readable, untouched
from .gradients import dense, norms_of
from .passes import FP16_MAX, find_overflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .passes import Spot
    from .step_record import StepRecord


WORSE = 1.1  # times the first loss on the same rows; dropout alone moves it by a few hundredths


@dataclass
class Live:
    """The run behind the numbers, as far as it can be looked at.

    Attributes:
        model: What is trained.
        optimizer: What trains it.
        trainable: Parameters that are watched, by name.
        scheduler: None without one.
        max_steps: 0 where nobody knows.
        adapter: Those that are the tuner's own, whether they are trained or not; without an adapter all.
        executed: Names of trainable parameters whose module took part in the first step, in order.
        fresh: Names of parameters that held nothing but zeros before the first step.
        is_fp16: Something computes in fp16.
        hides_nan: The log will print a NaN loss as 0.0.
        rerun: Whether a batch may be run forward again to find where numbers went wrong.
        batches: What the model was called with, for each micro-batch of this step; None where it was not seen.
        by_autocast: The forward pass runs under autocast to fp16.
        first_batch: That of the first step, and the loss the model gave on it.
        is_fine_again: A batch that was run again after a finding gave finite numbers throughout.
    """

    model: torch.nn.Module
    optimizer: Any
    trainable: Mapping[str, torch.nn.Parameter]
    scheduler: Any = None
    max_steps: int = 0
    adapter: Mapping[str, torch.Tensor] = field(default_factory=dict)
    executed: dict[str, None] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    is_fp16: bool = False
    hides_nan: bool = False
    rerun: bool = True
    batches: list[Mapping[str, Any] | None] = field(default_factory=list)
    by_autocast: bool = False
    first_batch: tuple[Mapping[str, Any], float] | None = None
    is_fine_again: bool = False

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

    def can_rerun(self, micro_batch: int) -> bool:
        """Whether the batch of a micro-batch was seen, and may be run again."""
        return self.rerun and micro_batch <= len(self.batches) and self.batches[micro_batch - 1] is not None

    def first_module(self, micro_batch: int) -> Spot | None:
        """Run a micro-batch forward again: where do its numbers leave the range? None where that is not found out."""
        if not self.can_rerun(micro_batch):
            return None
        kind = next(self.model.parameters()).device.type
        try:
            with torch.autocast(kind, torch.float16, enabled=self.by_autocast):
                batch = self.batches[micro_batch - 1] or {}
                spot = find_overflow(self.model, batch, FP16_MAX if self.is_fp16 else math.inf)
        except Exception:  # noqa: BLE001 - a model that cannot be called twice; the finding stands without
            return None
        self.is_fine_again = spot is None
        return spot

    def remember(self, record: StepRecord) -> None:
        """Keep the first batch, and the loss the model gave on it, to ask the same again."""
        loss = record.micro_batches[0].own_loss if record.micro_batches else None
        batch = self.batches[0] if self.batches else None
        if loss is not None and batch is not None and math.isfinite(loss):
            self.first_batch = (dict(batch), loss)

    def has_got_worse(self) -> bool:
        """Ask the model for its loss on the first batch again: a rise there is no matter of the data."""
        if not self.rerun or self.first_batch is None:
            return False
        batch, before = self.first_batch
        try:
            with untouched(self.model), torch.no_grad():
                now = float(self.model(**batch)["loss"])
        except Exception:  # noqa: BLE001 - a model that cannot be called twice
            return False
        return not now <= WORSE * before

    def outgrown(self) -> float:
        """How many times larger the values of trained matrices are than those of frozen ones, as root mean squares.

        1.0 where nothing is frozen, or nothing is known of it.
        """
        largest = {True: 0.0, False: 0.0}
        for weight in self.model.parameters():
            if weight.dim() > 1 and weight.is_floating_point() and is_readable(weight):
                mean = float(weight.detach().float().square().mean())
                largest[weight.requires_grad] = max(largest[weight.requires_grad], mean)
        trained, frozen = math.sqrt(largest[True]), math.sqrt(largest[False])
        return trained / frozen if frozen else 1.0

    def wide_norm(self, name: str) -> float:
        """Norm in float64 of a gradient whose norm in float32 overflows; NaN of one that somebody has made finite."""
        gradient = self.trainable[name].grad
        if gradient is None:
            return math.nan
        values = dense(gradient)
        if math.isfinite(float(torch.linalg.vector_norm(values.float()))):
            return math.nan
        return float(torch.linalg.vector_norm(values.cpu().double()))

    def is_finite(self, name: str) -> bool:
        """Whether a gradient is finite now, or gone, whatever it was when it came."""
        gradient = self.trainable[name].grad
        return gradient is None or bool(dense(gradient).isfinite().all())

    def are_gradients_finite(self) -> bool:
        """Whether every gradient is finite now, asked with one synchronisation."""
        gradients = [dense(weight.grad) for weight in self.trainable.values() if weight.grad is not None]
        return not gradients or bool(norms_of(gradients).isfinite().all())

    def has_gradient(self, names: Iterable[str]) -> bool:
        """Whether any gradient holds anything; a norm may be 0 because squares underflow."""
        gradients = [self.trainable[name].grad for name in names]
        return any(gradient is not None and bool(dense(gradient).any()) for gradient in gradients)
