"""Weights that do not move in spite of gradients and a learning rate are found after the first step.

The optimizer's step is never called, or the gradient scaler skips every step.
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

pytestmark = [pytest.mark.regression, pytest.mark.failure("weights-unchanged")]


def idle() -> tuple[Any, Any]:
    """A model, and an optimizer whose step does nothing."""
    model = trainers.fresh_adapter()
    return model, faults.never_step(torch.optim.AdamW(model.parameters(), lr=1e-2))


def test_fault_is_real() -> None:
    """Gradients are there and no tensor differs from its start."""
    model, optimizer = idle()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(FailureFound):
        trainers.loop(model, optimizer=optimizer)

    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_guard_finds_it_after_one_step(tmp_path: Path) -> None:
    """A lora_B of zeros moves by any update, however small."""
    model, optimizer = idle()
    trainer = trainers.make_trainer(tmp_path, model, optimizers=(optimizer, None), max_steps=6)
    found = trainers.caught(trainer)

    assert (found.failure.slug, found.step) == ("weights-unchanged", 2)
    assert "no trainable tensor that differs from its start after 1 steps" in str(found)


def test_weights_without_zeros_get_three_steps() -> None:
    """In bf16 an update below their spacing is lost, and the next one may not be."""
    model = support.tiny_adapter()
    optimizer = faults.never_step(torch.optim.AdamW(model.parameters(), lr=1e-2))
    with pytest.raises(FailureFound, match="weights-unchanged") as found:
        trainers.loop(model, optimizer=optimizer, steps=6)

    assert found.value.step == 4


def test_short_run_is_settled_at_its_end(tmp_path: Path) -> None:
    """One step is all there is."""
    model, optimizer = idle()
    found = trainers.caught(trainers.make_trainer(tmp_path, model, optimizers=(optimizer, None), max_steps=1))

    assert found.failure.slug == "weights-unchanged"


def test_scaler_that_skips_every_step_is_found() -> None:
    """Each step's gradients overflow, down to a scale at which none is left."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with pytest.raises(FailureFound, match="the scaler skips") as found:
        trainers.loop(scaler=scaler, steps=24, spoilt=True)

    assert found.value.failure.slug == "weights-unchanged"
    assert found.value.step <= 12


def test_scaler_that_is_never_updated_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale that somebody holds where it is."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    update = scaler.update
    monkeypatch.setattr(scaler, "update", lambda: update(2.0**10))
    with pytest.raises(FailureFound, match="which does not fall") as found:
        trainers.loop(scaler=scaler, steps=24, spoilt=True)

    assert found.value.step == 4


def test_gradients_of_exactly_zero_are_found(tmp_path: Path) -> None:
    """An adapter whose scaling is 0 receives no gradient but 0: nothing will ever move."""
    found = trainers.caught(trainers.make_trainer(tmp_path, trainers.fresh_adapter(lora_alpha=0)))

    assert (found.failure.slug, found.step) == ("weights-unchanged", 1)
    assert "every gradient is exactly 0" in str(found)


def test_healthy_twin_moves(tmp_path: Path) -> None:
    """With a warm-up from 0, whose first step moves nothing; and under a scaler that skips early steps on purpose."""
    options: dict[str, Any] = {"max_steps": 6, "warmup_steps": 3, "lr_scheduler_type": "linear"}
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
    monitor = trainers.loop(scaler=scaler, steps=16, autocast=torch.float16)

    assert trainers.guarded(trainers.make_trainer(tmp_path, **options)).report.findings == []
    assert monitor.findings == []
    assert scaler.get_scale() < 2.0**24
