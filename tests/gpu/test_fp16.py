"""fp16 as it really is on a GPU: without a scaler it overflows and the guard stops; a scaler's skips are healthy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import faults
import on_gpu
import pytest
import support
import torch
import trainers

from unsilent.outcome import FailureFound

pytestmark = on_gpu.needs_gpu

FIRST_SCALE = 2.0**24  # the usual one is 2**16; from here on a few steps overflow and are skipped
ON_DEVICE: dict[str, Any] = {"use_cpu": on_gpu.DEVICE.type == "cpu"}


def overflowing() -> Any:  # noqa: ANN401 - a PEFT model in fp16
    """Base and adapter in fp16, with activations beyond 65504."""
    model = support.tiny_model()
    faults.scale_weights_of(model, factor=1e4)
    return trainers.fresh_adapter(model.half()).to(on_gpu.DEVICE)


def test_fp16_weights_without_a_scaler_overflow(tmp_path: Path) -> None:
    """The documented log: grad_norm nan from the first line on, and after one step every weight is NaN."""
    model = overflowing()
    rows = trainers.counting_rows()
    log = trainers.train_plainly(model, rows, None, tmp_path, max_grad_norm=0.0, **ON_DEVICE)

    assert all(math.isnan(float(record["grad_norm"])) for record in log)
    assert not any(weight.isfinite().all() for weight in model.parameters() if weight.requires_grad)


def test_guard_stops_before_the_step(tmp_path: Path) -> None:
    """The first step is not taken: the cause is named, and every weight is finite."""
    trainer = trainers.make_trainer(tmp_path, overflowing(), **ON_DEVICE)
    found = trainers.caught(trainer, wiring=False)

    assert (found.failure.slug, found.step, found.micro_batch) == ("fp16-overflow", 1, 1)
    assert all(weight.isfinite().all() for weight in trainer.model.parameters())
    assert next(trainer.model.parameters()).device.type == on_gpu.DEVICE.type


def test_gradient_overflow_without_a_scaler_is_found() -> None:
    """Activations fit under autocast, gradients do not, and there is nothing that would skip the step."""
    model = trainers.fresh_adapter().to(on_gpu.DEVICE)
    with pytest.raises(FailureFound, match="fp16-overflow") as found:
        trainers.loop(model, autocast=torch.float16, before_backward=lambda loss, number: loss * 1e9)

    assert (found.value.step, found.value.evidence["kind"]) == (1, "gradient")


def test_early_skips_of_a_scaler_are_healthy() -> None:
    """A loop whose scale begins too high skips its first steps, goes on, and no finding is raised."""
    scaler = torch.amp.GradScaler(on_gpu.DEVICE.type, init_scale=FIRST_SCALE)
    model = trainers.fresh_adapter().to(on_gpu.DEVICE)
    monitor = trainers.loop(model, autocast=torch.float16, scaler=scaler, steps=12)

    assert scaler.get_scale() < FIRST_SCALE
    assert monitor.findings == []


@on_gpu.needs_cuda
@pytest.mark.filterwarnings("ignore:.*fp16-unguarded:unsilent.outcome.FailureWarning")
def test_early_skips_in_a_trainer_are_healthy(tmp_path: Path) -> None:
    """The same in a Trainer with fp16=True: steps are skipped, norms become finite, and the guard is silent."""
    trainer = trainers.make_trainer(tmp_path, fp16=True, max_steps=12, **ON_DEVICE)
    trainer.accelerator.scaler = torch.amp.GradScaler("cuda", init_scale=FIRST_SCALE)
    guard = trainers.guarded(trainer)
    norms = [float(record["grad_norm"]) for record in trainer.state.log_history if "grad_norm" in record]

    assert trainer.accelerator.scaler.get_scale() < FIRST_SCALE
    assert math.isfinite(norms[-1])
    assert [finding for finding in guard.report.findings if finding.failure.severity == "error"] == []
