"""Every number of a step comes to the host in one go, and means the same there."""

from __future__ import annotations

import math

import pytest
import torch

from unsilent.gradients import Arrivals
from unsilent.step_record import MicroBatch, Numbers, StepRecord, read_step


def test_numbers_come_back_in_their_places() -> None:
    """Tensors and plain numbers, seen and unseen, of two micro-batches."""
    ones = [
        MicroBatch(torch.tensor(2.0), 1.0, torch.tensor(math.nan), None, torch.tensor(7), 4),
        MicroBatch(None, None, None, torch.tensor(9.0), None, None, constant=True),
    ]
    arrivals = [Arrivals(1, ("a", "b"), torch.tensor([3.0, 4.0])), Arrivals(2, ("a",), torch.tensor([6.0]))]
    record = read_step(5, ones, arrivals, moved=torch.tensor(True), scale=torch.tensor(2.0), lr=0.1)

    assert record.micro_batches[0].supervised == 7
    assert record.micro_batches[0].is_output_broken
    assert record.micro_batches[1] == Numbers(logits=9.0, constant=True)
    assert (record.moved, record.scaled, record.lr, record.loss) == (True, True, 0.1, 1.0)
    assert record.grad_norm == pytest.approx(math.hypot(6, 4) / 2)
    assert record.grad_norm_of(1) == pytest.approx(2.5)


def test_step_without_anything_is_empty() -> None:
    """Nothing seen is None, not 0."""
    record = read_step(1, [], [], moved=None, scale=None, lr=None)

    assert (record.grad_norm, record.grad_norm_of(1), record.loss, record.moved) == (None, None, None, None)
    assert record.broken_gradients() == []


@pytest.mark.parametrize(
    ("numbers", "loss"),
    [
        ([Numbers(loss=4.0, share=1.0), Numbers(loss=2.0, share=0.5)], 1.5),
        ([Numbers(loss=4.0), Numbers(loss=2.0)], 3.0),
        ([Numbers(loss=math.nan)], None),
        ([Numbers(loss=1.0, share=math.inf)], None),
    ],
    ids=["shares add up", "losses are averaged", "nan", "inf"],
)
def test_loss_of_a_step(numbers: list[Numbers], loss: float | None) -> None:
    """Shares add up where the loop gives them; what is not finite is no loss."""
    assert StepRecord(1, numbers).loss == loss


def test_broken_gradients_keep_their_order() -> None:
    """Micro-batch and name, as they came."""
    gradients = [(1, {"a": 1.0, "b": math.nan}), (2, {"c": math.inf, "b": math.nan})]

    assert StepRecord(1, gradients=gradients).broken_gradients() == [(1, "b"), (2, "c"), (2, "b")]
