"""What a rule may look at when the numbers say that something is wrong."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
import trainers

from unsilent.live import Live
from unsilent.step_record import Numbers, StepRecord


def test_module_is_named_where_the_model_can_be_called_again() -> None:
    """A batch that was seen and a model that takes it; else the finding stands without."""
    model = trainers.fresh_adapter()
    model.get_parameter(trainers.MIDDLE).data.fill_(math.inf)
    live = Live(model, None, {}, batches=[{"input_ids": torch.arange(6)[None] + 3}, None, {"unknown": 1}])
    spot = live.first_module(1)

    assert spot is not None
    assert "up_proj" in spot.module
    assert [live.first_module(number) for number in (2, 3, 4)] == [None, None, None]
    live.rerun = False
    assert live.first_module(1) is None


def test_first_batch_is_asked_again() -> None:
    """A model that has forgotten does worse on it; one that cannot be asked says nothing."""
    model = trainers.fresh_adapter()
    batch = {"input_ids": torch.arange(8)[None] + 3, "labels": torch.arange(8)[None] + 3}
    live = Live(model, None, {}, batches=[batch])
    live.remember(StepRecord(1, [Numbers(own_loss=float(model(**batch).loss.detach()))]))
    before = live.has_got_worse()
    model.get_base_model().model.norm.weight.data.mul_(-3)
    after = live.has_got_worse()
    live.first_batch = ({"unknown": 1}, 1.0)

    assert (before, after, live.has_got_worse()) == (False, True, False)
    assert not Live(model, None, {}).has_got_worse()


@pytest.mark.parametrize(
    ("gradient", "norm", "finite", "there"),
    [
        (None, math.nan, True, False),
        (0.0, math.nan, True, False),
        (1e30, 2e30, True, True),
        (math.inf, math.inf, False, True),
    ],
    ids=["none", "zero", "huge", "inf"],
)  # fmt: skip
def test_gradient_is_looked_at(gradient: float | None, norm: float, finite: bool, there: bool) -> None:  # noqa: FBT001
    """Its norm where float32 is too narrow for it, whether it is finite, whether it is there at all."""
    weight = torch.nn.Parameter(torch.zeros(4))
    weight.grad = None if gradient is None else torch.full((4,), gradient)
    live = Live(torch.nn.Linear(1, 1), None, {"weight": weight})

    assert live.wide_norm("weight") == pytest.approx(norm, nan_ok=True)
    assert (live.is_finite("weight"), live.has_gradient(["weight"])) == (finite, there)


def test_accumulation_is_no_step() -> None:
    """Accelerate's optimizer does nothing until gradients are synchronised."""
    optimizer = SimpleNamespace(gradient_state=SimpleNamespace(sync_gradients=False))

    assert not Live(torch.nn.Linear(1, 1), optimizer, {}).is_syncing
    assert Live(torch.nn.Linear(1, 1), None, {}).is_syncing


@pytest.mark.parametrize(
    ("gradient", "finite"), [(None, True), (1.0, True), (math.inf, False)], ids=["none", "finite", "inf"]
)
def test_gradients_are_looked_at_together(gradient: float | None, finite: bool) -> None:  # noqa: FBT001
    """With one synchronisation for all of them; what has none is in order."""
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = None if gradient is None else torch.tensor([0.0, gradient])

    assert Live(torch.nn.Linear(1, 1), None, {"weight": weight}).are_gradients_finite() is finite
