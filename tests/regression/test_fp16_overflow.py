"""Activations or gradients beyond 65504 in fp16 are found before the weights are NaN.

In the reports the norm grew, turned inf, then NaN, and after that step every weight was NaN.
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

pytestmark = [pytest.mark.regression, pytest.mark.failure("fp16-overflow")]


def overflowing() -> Any:  # noqa: ANN401 - a PEFT model in fp16
    """A base whose activations lie beyond the range of fp16, held in fp16."""
    model = support.tiny_model()
    faults.scale_weights_of(model, factor=1e4)
    return trainers.fresh_adapter(model.half())


def test_fault_is_real(tmp_path: Path) -> None:
    """The same weights give finite losses in fp32, and in fp16 NaN that has reached every weight after one step."""
    model = support.tiny_model()
    faults.scale_weights_of(model, factor=1e4)
    fine = trainers.train_plainly(trainers.fresh_adapter(model), trainers.counting_rows(), None, tmp_path)
    broken = overflowing()
    log = trainers.train_plainly(broken, trainers.counting_rows(), None, tmp_path, max_grad_norm=0.0)

    assert all(record["loss"] > 1 for record in fine)
    assert all(str(record["grad_norm"]) == "nan" for record in log)
    assert not any(weight.isfinite().all() for weight in broken.parameters() if weight.requires_grad)


@pytest.mark.filterwarnings("ignore:.*fp16-unguarded:unsilent.outcome.FailureWarning")
def test_wiring_finds_it_before_the_first_step(tmp_path: Path) -> None:
    """One example through the model names the first module whose numbers leave the range."""
    found = trainers.caught(trainers.make_trainer(tmp_path, overflowing()))

    assert (found.failure.slug, found.step) == ("fp16-overflow", 0)
    assert "layers.0.mlp" in str(found.evidence["module"])


def test_guard_stops_before_the_step(tmp_path: Path) -> None:
    """Without that look: the first step is not taken, the weights are finite, the NaN norm is a symptom."""
    trainer = trainers.make_trainer(tmp_path, overflowing())
    found = trainers.caught(trainer, wiring=False)

    assert (found.failure.slug, found.step, found.micro_batch) == ("fp16-overflow", 1, 1)
    assert "layers.0.mlp" in str(found.evidence["module"])
    assert {"nan-grad-norm", "zero-loss"} == set(found.outcome.symptoms)
    assert all(weight.isfinite().all() for weight in trainer.model.parameters())


def test_gradient_overflow_is_found_in_a_plain_loop() -> None:
    """Activations fit and the gradients do not: no scaler to skip the step."""
    with pytest.raises(FailureFound, match="fp16-overflow") as found:
        trainers.loop(autocast=torch.float16, before_backward=lambda loss, number: loss * 1e9)

    assert (found.value.step, found.value.evidence["kind"]) == (1, "gradient")


def test_weights_that_an_optimizer_spoils_in_fp16_are_found() -> None:
    """Adam's epsilon of 1e-8 is 0 in fp16: finite gradients, and NaN weights after the first step."""
    with pytest.raises(FailureFound, match="fp16-overflow") as found:
        trainers.loop(trainers.fresh_adapter().half())

    assert (found.value.step, found.value.evidence["kind"]) == (2, "weight")


def test_scaler_does_not_help_against_activations() -> None:
    """What overflows going forward no scale can save."""
    with pytest.raises(FailureFound, match="fp16-overflow"):
        trainers.loop(overflowing(), scaler=torch.amp.GradScaler("cpu"))


def test_healthy_twin_trains(tmp_path: Path) -> None:
    """The same large activations in fp32 and bf16; fp16 with a scaler, whose early skips are on purpose."""
    hot = [support.tiny_model(), support.tiny_model().bfloat16()]
    monitor = trainers.loop(autocast=torch.float16, scaler=torch.amp.GradScaler("cpu", init_scale=2.0**24), steps=12)

    for model in hot:
        faults.scale_weights_of(model, factor=1e4)
        assert trainers.guarded(trainers.make_trainer(tmp_path, model)).report.findings == []
    assert monitor.findings == []
