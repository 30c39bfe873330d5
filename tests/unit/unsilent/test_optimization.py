"""What the optimizer holds and at which rate is read from any optimizer, or the reason is said why not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import trainers
from torch.optim import lr_scheduler

from unsilent.optimization import check_lr, check_optimizer


def linear() -> torch.nn.Linear:
    """A model without an adapter."""
    return torch.nn.Linear(2, 2)


@pytest.mark.parametrize("optimizer", [None, SimpleNamespace()], ids=["none", "no groups"])
def test_without_groups_nothing_is_judged(optimizer: Any) -> None:  # noqa: ANN401
    """Skipped with the reason."""
    assert check_optimizer(linear(), optimizer).status == "skipped"
    assert check_lr(linear(), optimizer).status == "skipped"


def test_part_of_a_whole_model_may_be_trained() -> None:
    """Without an adapter an optimizer over some parameters is a choice; over none it is the failure."""
    model = linear()
    other = torch.optim.SGD(linear().parameters(), lr=1.0)

    assert check_optimizer(model, torch.optim.SGD([model.weight], lr=1.0)).status == "passed"
    assert check_optimizer(model, other).status == "failed"


def test_shards_are_not_judged() -> None:
    """FSDP puts flat parameters in place of the model's."""

    class FullyShardedDataParallel(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = linear()

    outcome = check_optimizer(FullyShardedDataParallel(), torch.optim.SGD(linear().parameters(), lr=1.0))

    assert "other identities" in outcome.reason


def rate(optimizer: torch.optim.Optimizer, scheduler: Any = None, **options: Any) -> str:  # noqa: ANN401
    """Status of lr-zero on a model of its own."""
    model = linear()
    optimizer.param_groups[0]["params"] = list(model.parameters())
    return check_lr(model, optimizer, scheduler, **options).status


def sgd(lr: float) -> torch.optim.SGD:
    """An optimizer over something."""
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def test_schedules_are_computed_ahead() -> None:
    """A warm-up longer than the run is 0 throughout; within it, it is healthy."""
    warm = lr_scheduler.LambdaLR(optimizer := sgd(0.1), lambda step: float(step >= 5))

    assert rate(optimizer, warm, max_steps=5) == "failed"
    assert rate(optimizer, warm, max_steps=6) == "passed"
    assert rate(optimizer, SimpleNamespace(scheduler=warm), max_steps=6) == "passed"


def test_other_schedules_are_judged_by_their_base() -> None:
    """A cycle rises from 0; a step schedule cannot; one without a base rate is anybody's guess."""
    cycle = lr_scheduler.CyclicLR(first := sgd(0.0), base_lr=0.0, max_lr=0.1)
    steps = lr_scheduler.StepLR(second := sgd(0.0), 1)

    assert rate(first, cycle) == "passed"
    assert rate(second, steps) == "failed"
    assert rate(sgd(0.0), SimpleNamespace()) == "passed"
    assert rate(sgd(0.0)) == "failed"


def test_schedule_that_raises_is_skipped() -> None:
    """Somebody's own lambda."""
    scheduler = lr_scheduler.LambdaLR(optimizer := sgd(0.1), lambda step: 0.0 if step == 0 else 1 / 0)

    assert rate(optimizer, scheduler) == "skipped"


def test_group_of_the_adapter_counts() -> None:
    """A rate for something else does not train the adapter."""
    model = trainers.fresh_adapter(modules_to_save=None)
    base = model.get_parameter("base_model.model.model.norm.weight").requires_grad_()
    own = [weight for name, weight in model.named_parameters() if "lora_" in name]
    optimizer = torch.optim.AdamW([{"params": [base], "lr": 0.1}, {"params": own, "lr": 0.0}])

    assert check_lr(model, optimizer).status == "failed"
