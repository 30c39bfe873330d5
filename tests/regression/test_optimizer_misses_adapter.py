"""An optimizer that does not hold the adapter is found before the first step.

It was built before ``get_peft_model``: gradients flow into the adapter, the optimizer updates the base's parameters,
which have none, and nothing is learnt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
import trainers

from unsilent.outcome import FailureFound

pytestmark = [pytest.mark.regression, pytest.mark.failure("optimizer-misses-adapter")]


def built_too_early() -> tuple[Any, Any]:
    """An adapted model, and an optimizer over its base."""
    return faults.optimizer_before_adapter(support.tiny_model(), trainers.fresh_adapter)


def test_fault_is_real(tmp_path: Path) -> None:
    """Gradients are there and the adapter does not move."""
    model, optimizer = built_too_early()
    before = {name: weight.clone() for name, weight in model.state_dict().items() if "lora_" in name}
    trainer = trainers.make_trainer(tmp_path, model, optimizers=(optimizer, None))
    trainer.train()
    norms = [record["grad_norm"] for record in trainer.state.log_history if "loss" in record]

    assert min(norms) > 0.5
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in before.items())


def test_guard_stops_before_the_first_step(tmp_path: Path) -> None:
    """The finding counts what is missing."""
    model, optimizer = built_too_early()
    found = trainers.caught(trainers.make_trainer(tmp_path, model, optimizers=(optimizer, None)))

    assert (found.failure.slug, found.step) == ("optimizer-misses-adapter", 0)
    assert found.evidence["missing"] == 28


def test_one_missing_tensor_is_found() -> None:
    """A plain loop whose optimizer has lost one tensor of many."""
    model = trainers.fresh_adapter()
    weights = [weight for name, weight in model.named_parameters() if weight.requires_grad and name != trainers.MIDDLE]
    with pytest.raises(FailureFound, match="1 of 28 left out") as found:
        trainers.loop(model, optimizer=torch.optim.AdamW(weights, lr=1e-2))

    assert found.value.evidence["parameters"] == [trainers.MIDDLE]


def test_symptoms_stand_under_it(tmp_path: Path) -> None:
    """Told to go on, the guard finds weights that do not move, as a sign of the same fault."""
    model, optimizer = built_too_early()
    trainer = trainers.make_trainer(tmp_path, model, optimizers=(optimizer, None), max_steps=6)
    with pytest.warns(UserWarning, match="optimizer-misses-adapter"):
        guard = trainers.guarded(trainer, on_finding="warn")

    assert [(one.slug, one.symptoms) for one in guard.report.findings] == [
        ("optimizer-misses-adapter", ("weights-unchanged",))
    ]


def test_healthy_twin_trains(tmp_path: Path) -> None:
    """Built after the adapter, from all parameters or from the trainable ones."""
    model = trainers.fresh_adapter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

    assert trainers.guarded(trainers.make_trainer(tmp_path, model, optimizers=(optimizer, None))).report.findings == []
