"""What one optimizer step showed, read from the device in one go: plain numbers that can be judged anywhere.

Kept apart from the hooks that collect it and from the rules that judge it: the rules are the better tested the less
they need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .gradients import Arrivals


@dataclass
class MicroBatch:
    """One forward and backward pass, while its numbers are still on the device.

    Attributes:
        loss: As the loop computed it, before the Trainer divides or replaces anything; None where it was not seen.
        share: What the loop adds to the loss of the step, which it divides by accumulation; None where not seen.
        own_loss: The loss inside the model's output; None where there is none.
        logits: Largest logit at the last position of the rows.
        supervised: Labels that are learnt from.
        rows: Rows of the batch.
        constant: The loss requires a gradient, and was not computed from anything.
        connected: A backward pass from the loss can reach something; None where the loss was not seen.
    """

    loss: torch.Tensor | float | None = None
    share: torch.Tensor | float | None = None
    own_loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    supervised: torch.Tensor | None = None
    rows: int | None = None
    constant: bool = False
    connected: bool | None = None


@dataclass(frozen=True)
class Numbers:
    """A micro-batch once it was read: the same fields as floats, None where nothing was seen."""

    loss: float | None = None
    share: float | None = None
    own_loss: float | None = None
    logits: float | None = None
    supervised: int | None = None
    rows: int | None = None
    constant: bool = False
    connected: bool | None = None

    @property
    def is_output_broken(self) -> bool:
        """The model itself gave NaN or inf; -inf masks logits on purpose. Without logits its loss has to say so."""
        if self.logits is None:
            return self.own_loss is not None and not math.isfinite(self.own_loss)
        return math.isnan(self.logits) or self.logits == math.inf

    @property
    def is_own_loss(self) -> bool:
        """The loop goes on with the loss that the model computed, and not with one of its own."""
        known = self.loss is not None and self.own_loss is not None and self.connected is not None
        return known and math.isclose(self.loss or 0.0, self.own_loss or 0.0, rel_tol=1e-3, abs_tol=1e-6)

    @property
    def is_loss_broken(self) -> bool:
        """The loss that the loop goes on with is NaN or inf."""
        return self.loss is not None and not math.isfinite(self.loss)


@dataclass(frozen=True)
class StepRecord:
    """One optimizer step before it is taken.

    Attributes:
        step: Counted from 1.
        micro_batches: In order.
        gradients: For each backward pass: micro-batch, and norm by parameter in order of arrival.
        moved: Whether the step before changed a weight; None where that was not asked.
        scale: Of the gradient scaler; 1 without one.
        lr: Highest learning rate of the groups that hold the adapter.
        scaled: A gradient scaler is at work, which skips steps on purpose.
        norms: Of each parameter, as its gradient came last.
        broken_elsewhere: Some rank, this or another, had a gradient that was not finite; asked under a scaler only.
        prints: Fingerprints of the trainable weights, as numbers; empty where it was not time for them.
    """

    step: int
    micro_batches: Sequence[Numbers] = ()
    gradients: Sequence[tuple[int, Mapping[str, float]]] = ()
    moved: bool | None = None
    scale: float = 1.0
    lr: float | None = None
    scaled: bool = False
    norms: Mapping[str, float] = field(default_factory=dict)
    broken_elsewhere: bool = False
    prints: Sequence[float] = ()

    @property
    def grad_norm(self) -> float | None:
        """Norm of all gradients as they stand at the end, unscaled and before clipping; None when none came."""
        if not self.norms:
            return None
        return math.hypot(*self.norms.values()) / self.scale

    @property
    def loss(self) -> float | None:
        """Loss of the step; None where it was not seen or was not finite."""
        shares = [one.share for one in self.micro_batches if one.share is not None]
        if shares:
            return sum(shares) if math.isfinite(sum(shares)) else None
        losses = [one.loss for one in self.micro_batches if one.loss is not None]
        mean = sum(losses) / len(losses) if losses else math.nan
        return mean if math.isfinite(mean) else None

    def grad_norm_of(self, micro_batch: int) -> float | None:
        """Norm of the gradients that one micro-batch left, with those of the ones before it; None when none came."""
        norms = [norm for number, found in self.gradients for norm in found.values() if number == micro_batch]
        return math.hypot(*norms) / self.scale if norms else None

    @property
    def is_skipped(self) -> bool:
        """A gradient scaler will not take this step."""
        return self.scaled and (self.broken_elsewhere or bool(self.broken_gradients()))

    def broken_gradients(self) -> list[tuple[int, str]]:
        """Micro-batch and parameter of every norm that is not finite, in order of arrival."""
        return [
            (micro_batch, name)
            for micro_batch, norms in self.gradients
            for name, norm in norms.items()
            if not math.isfinite(norm)
        ]


def read_step(  # noqa: PLR0913 - all that a step showed
    step: int,
    micro_batches: Sequence[MicroBatch],
    arrivals: Sequence[Arrivals],
    *,
    moved: torch.Tensor | None,
    scale: torch.Tensor | None,
    lr: float | None,
    prints: torch.Tensor | None = None,
) -> StepRecord:
    """Bring every number of a step to the host, with one synchronisation.

    Args:
        step: The step about to be taken.
        micro_batches: Seen since the last step.
        arrivals: Gradients that came since the last step.
        moved: Flag of ``Movement``; None when not asked.
        scale: The gradient scaler's; None without one.
        lr: As it will be used.
        prints: Of the weights; None when it is not time for them.
    """
    lonely = [
        value
        for one in micro_batches
        for value in (one.loss, one.share, one.own_loss, one.logits, one.supervised)
        if isinstance(value, torch.Tensor)
    ]
    lonely += [value for value in (moved, scale) if value is not None]
    rows = [*(one.norms for one in arrivals), *([] if prints is None else [prints])]
    device = rows[0].device if rows else lonely[0].device if lonely else torch.device("cpu")
    parts = [tensor.detach().reshape(-1).to(device, torch.float32, non_blocking=True)
             for tensor in [*lonely, *rows]]  # fmt: skip
    values = iter(torch.cat(parts).tolist() if parts else [])

    def take(value: torch.Tensor | float | None) -> float | None:
        return next(values) if isinstance(value, torch.Tensor) else value

    numbers = []
    for one in micro_batches:
        loss, share, own_loss, logits = (take(value) for value in (one.loss, one.share, one.own_loss, one.logits))
        supervised = take(one.supervised)
        numbers.append(
            Numbers(
                loss,
                share,
                own_loss,
                logits,
                None if supervised is None else int(supervised),
                one.rows,
                one.constant,
                one.connected,
            )
        )
    has_moved, scaled_by = take(moved), take(scale)
    gradients = [(one.micro_batch, {name: next(values) for name in one.names}) for one in arrivals]
    last = {name: norm for _, norms in gradients for name, norm in norms.items()}
    return StepRecord(
        step,
        numbers,
        gradients,
        moved=None if has_moved is None else bool(has_moved),
        scale=scaled_by or 1.0,
        lr=lr,
        scaled=scale is not None,
        norms=last,
        prints=tuple(values),  # all that is left
    )
