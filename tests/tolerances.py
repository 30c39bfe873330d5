"""How far two runs of one configuration may differ, by dtype: the only table of such numbers.

A step that is cut into other micro-batches, computed again under checkpointing, or shared by two processes adds the
same numbers in another order. So runs differ by rounding, which training then enlarges: Adam divides a gradient by its
own size, and one that is nothing but rounding still moves its weight by up to the learning rate. The bounds are those
of 8 steps of the tiny model at a learning rate of 1e-2, for logged losses (about 5) and for weights of the adapter.

Measured on a CPU (AMD EPYC with AVX-512 BF16, torch 2.13), the largest of the pairs in
``tests/gpu/test_trajectories.py``, losses then weights, largest then mean: fp32 4.8e-7, 3.6e-7, 1.4e-6, 1.4e-8; bf16
5.6e-3, 1.7e-3, 2.0e-2, 4.0e-4. The bound is ten times that for fp32 and four times for bf16. TF32 and fp16 keep ten
bits of a product where bf16 keeps seven: they are held to the bound of bf16, which is an expectation. So is every
bound on CUDA, where nothing was measured yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch


@dataclass(frozen=True)
class Gaps:
    """Differences of two runs, or bounds for them: of the losses step by step, and of all weights of the adapter."""

    loss_max: float
    loss_mean: float
    weight_max: float
    weight_mean: float

    def within(self, bounds: Gaps) -> bool:
        """Whether each lies within its bound; a NaN never does."""
        return (
            self.loss_max <= bounds.loss_max
            and self.loss_mean <= bounds.loss_mean
            and self.weight_max <= bounds.weight_max
            and self.weight_mean <= bounds.weight_mean
        )


_BF16 = Gaps(loss_max=2e-2, loss_mean=7e-3, weight_max=8e-2, weight_mean=1.6e-3)
BOUNDS: Mapping[str, Gaps] = {
    "fp32": Gaps(loss_max=5e-6, loss_mean=4e-6, weight_max=2e-5, weight_mean=1.4e-7),
    "bf16": _BF16,
    "tf32": _BF16,
    "fp16": _BF16,
}


def gaps_between(
    losses: tuple[Sequence[float], Sequence[float]],
    weights: tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]],
) -> Gaps:
    """Compare the losses of two runs, and their adapters; both must have the same steps and the same tensors."""
    by_step = [abs(one - other) for one, other in zip(*losses, strict=True)]
    assert weights[0].keys() == weights[1].keys()
    by_weight = [(weights[0][name] - weights[1][name]).abs() for name in weights[0]]
    count = sum(gap.numel() for gap in by_weight)
    return Gaps(
        loss_max=max(by_step),
        loss_mean=sum(by_step) / len(by_step),
        weight_max=max(float(gap.max()) for gap in by_weight),
        weight_mean=sum(float(gap.sum()) for gap in by_weight) / count,
    )
