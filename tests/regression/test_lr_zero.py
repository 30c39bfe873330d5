"""A learning rate of 0 for the whole run is found before the first step; a warm-up that begins at 0 is healthy.

Gradients flow, the loss stays flat, no weight moves, and the log looks like a hard problem.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import torch
import trainers

from unsilent.outcome import FailureFound

pytestmark = [pytest.mark.regression, pytest.mark.failure("lr-zero")]


def test_fault_is_real(tmp_path: Path) -> None:
    """Gradients are there and no weight moves."""
    model = trainers.fresh_adapter()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    log = trainers.train_plainly(model, trainers.counting_rows(), None, tmp_path, learning_rate=0.0)

    assert min(record["grad_norm"] for record in log) > 0.5
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def scheduled(folder: Path) -> Any:  # noqa: ANN401 - a Trainer
    """A rate above 0, and a schedule that makes nothing of it."""
    model = trainers.fresh_adapter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    return trainers.make_trainer(folder, model, optimizers=(optimizer, faults.stop_schedule(optimizer)))


ZERO = {
    "rate": lambda folder: trainers.make_trainer(folder, learning_rate=0.0),
    "schedule": scheduled,
    "one step of warm-up": lambda folder: trainers.make_trainer(
        folder, max_steps=1, warmup_steps=1, lr_scheduler_type="linear"
    ),
}


@pytest.mark.parametrize("make", ZERO.values(), ids=ZERO.keys())
def test_guard_stops_before_the_first_step(make: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Computed ahead, over every step of the run."""
    found = trainers.caught(make(tmp_path))

    assert (found.failure.slug, found.step) == ("lr-zero", 0)
    assert "Expected a learning rate above 0 at some step, but got 0" in str(found)


def test_symptoms_stand_under_it(tmp_path: Path) -> None:
    """Told to go on, the guard finds weights that do not move, as a sign of the same fault."""
    with pytest.warns(UserWarning, match="lr-zero"):
        guard = trainers.guarded(trainers.make_trainer(tmp_path, learning_rate=0.0, max_steps=6), on_finding="warn")

    assert [finding.slug for finding in guard.report.findings] == ["lr-zero"]


def test_monitor_finds_it_in_a_plain_loop() -> None:
    """In the first step, before it is taken."""
    model = trainers.fresh_adapter()
    with pytest.raises(FailureFound, match="lr-zero") as found:
        trainers.loop(model, optimizer=torch.optim.AdamW(model.parameters(), lr=0.0))

    assert found.value.step == 1


def test_schedule_that_cannot_be_computed_ahead_gets_ten_steps() -> None:
    """A rate that somebody holds at 0 by hand."""
    model = trainers.fresh_adapter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)

    class ByHand:
        """Knows no base rate."""

    with pytest.raises(FailureFound, match="0 at 10 steps in a row") as found:
        trainers.loop(model, optimizer=optimizer, scheduler=ByHand(), steps=12)

    assert found.value.step == 10


@pytest.mark.parametrize(
    "options",
    [
        {"warmup_steps": 3, "lr_scheduler_type": "linear"},
        {"lr_scheduler_type": "cosine"},
        {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 2},
        {"lr_scheduler_type": "cosine_with_restarts", "warmup_steps": 1},
        {"lr_scheduler_type": "reduce_lr_on_plateau", "eval_strategy": "steps"},
    ],
    ids=["warm-up", "cosine to 0", "constant after warm-up", "restarts", "plateau"],
)
def test_healthy_twin_trains(options: dict[str, Any], tmp_path: Path) -> None:
    """Schedules that pass through 0."""
    trainer = trainers.make_trainer(tmp_path, max_steps=8, evaluated=trainers.counting_rows(4), **options)

    assert trainers.guarded(trainer).report.findings == []
