"""The table of allowed differences, and the comparison that it is for."""

from __future__ import annotations

import math

import on_gpu
import pytest
import torch
from tolerances import BOUNDS, Gaps, gaps_between


def test_every_precision_has_its_bounds() -> None:
    """What is trained on a GPU in some precision is compared by that precision's bounds."""
    assert BOUNDS.keys() == on_gpu.PRECISIONS.keys()


def test_gaps_are_largest_and_mean() -> None:
    """Of losses by step, of weights over all tensors, whatever the sign."""
    one, other = {"a": torch.zeros(3), "b": torch.zeros(1)}, {"a": torch.tensor([0.0, 0.0, -2.0]), "b": torch.ones(1)}
    gaps = gaps_between(([1.0, 2.0], [1.0, 1.0]), (one, other))

    assert gaps == Gaps(loss_max=1.0, loss_mean=0.5, weight_max=2.0, weight_mean=0.75)


@pytest.mark.parametrize("field", ["loss_max", "loss_mean", "weight_max", "weight_mean"])
@pytest.mark.parametrize("value", [1.5, math.nan], ids=["too large", "not a number"])
def test_one_gap_beyond_its_bound_is_enough(field: str, value: float) -> None:
    """Each of the four counts, and a NaN is never within a bound."""
    bounds, gaps = Gaps(1.0, 1.0, 1.0, 1.0), {"loss_max": 1.0, "loss_mean": 1.0, "weight_max": 1.0, "weight_mean": 1.0}

    assert Gaps(**gaps).within(bounds)
    assert not Gaps(**gaps | {field: value}).within(bounds)
