"""A constant where a loss was, or a norm of 0.0 between others: code that replaces NaN and goes on.

History of the same code: a NaN loss became 0.01, NaN gradients became zero and were logged as norm 0.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import snippets
import support
import torch
import trainers
from transformers import Trainer

from unsilent.guard import TrainingGuard
from unsilent.monitor import StepMonitor
from unsilent.outcome import FailureFound
from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("nan-masked")]

ROWS = trainers.class_rows(80)
WEIGHT = "base_model.model.model.layers.0.mlp.down_proj.lora_B.default.weight"


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """State and console output of a run whose NaN loss is replaced by 0.01."""
    with pytest.MonkeyPatch.context() as patch:
        faults.replace_nan_loss(patch)
        model = support.tiny_adapter()
        faults.put_nan_into(model, WEIGHT)
        return trainers.run_trainer(tmp_path_factory.mktemp("run"), model, ROWS, max_steps=8)


def test_fault_is_real(masked: tuple[Path, Path]) -> None:
    """The log shows a small loss and no NaN, while a weight is NaN."""
    logged = trainers.logged(masked[0], "loss", "grad_norm")

    assert [(round(loss, 6), norm) for loss, norm in logged] == [(0.01, 0.0)] * 8


@pytest.mark.parametrize("form", [0, 1], ids=["trainer_state.json", "console output"])
def test_log_shows_it(masked: tuple[Path, Path], form: int) -> None:
    """One finding at the first record, that names the constant."""
    finding = support.only_finding(read_run(masked[form]))

    assert (finding.slug, finding.step) == ("nan-masked", 1)
    assert "but got loss exactly 0.01 in each of the last 8 records" in finding.message


def test_zeroed_gradients_are_found(tmp_path: Path) -> None:
    """Norms of exactly 0.0 in the middle, beside a loss that is alive."""
    lines = [f"step {step} loss {2 - step / 50} grad_norm {0.0 if step % 10 == 7 else 1.3}" for step in range(1, 40)]
    (tmp_path / "log.txt").write_text("\n".join(lines))
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert (finding.slug, finding.step) == ("nan-masked", 7)
    assert "grad_norm exactly 0.0 in 4 of 39 records" in finding.message


def test_loss_that_stops_moving_is_found(tmp_path: Path) -> None:
    """A loss that varied and then repeats itself to the last digit."""
    values = [2.31, 2.2214, 2.1573, *[1.9472] * 6]
    (tmp_path / "log.txt").write_text("".join(f"loss={value}\n" for value in values))
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert (finding.slug, finding.step) == ("nan-masked", 4)


def test_healthy_twin_has_no_finding(tmp_path: Path) -> None:
    """The same replacement with nothing to replace."""
    with pytest.MonkeyPatch.context() as patch:
        faults.replace_nan_loss(patch)
        paths = trainers.run_trainer(tmp_path, support.tiny_adapter(), ROWS, max_steps=8)

    for path in paths:
        assert read_run(path).findings == []


def test_converged_loss_is_healthy(tmp_path: Path) -> None:
    """0.02, printed with two digits, again and again after a long way down."""
    values = [2.0, 1.2, 0.5, 0.2, 0.08, 0.04, 0.03, *[0.02] * 20]
    (tmp_path / "log.txt").write_text("".join(f"loss: {value}\n" for value in values))

    assert read_run(tmp_path / "log.txt").findings == []


def test_frozen_adapter_is_not_taken_for_it(tmp_path: Path) -> None:
    """A loss of 4.9701 with norm 0.0 from the start is a run without a gradient: another failure, and its cause."""
    (tmp_path / "log.txt").write_text("{'loss': '4.9701', 'grad_norm': '0'}\n" * 25)
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert finding.slug == "loss-not-decreasing"
    assert finding.evidence["causes"][0]["failure"] == "frozen-adapter"  # type: ignore[index] # a list of causes


def poisoned() -> Any:  # noqa: ANN401 - a PEFT model
    """An adapter with a NaN inside."""
    model = trainers.fresh_adapter()
    faults.put_nan_into(model, trainers.MIDDLE)
    return model


def test_guard_stops_a_replaced_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model gave NaN and the loss is 0.01."""
    faults.replace_nan_loss(monkeypatch)
    found = trainers.caught(trainers.make_trainer(tmp_path, poisoned()))

    assert (found.failure.slug, found.step, found.micro_batch) == ("nan-masked", 1, 1)
    assert "the model gave nan and the loss is 0.01" in str(found)


def test_guard_stops_repaired_gradients(tmp_path: Path) -> None:
    """They were NaN when they came, and are 0 before the step."""
    model = trainers.fresh_adapter()
    faults.spoil_gradient(model, trainers.MIDDLE, backward=3)
    found = trainers.caught(trainers.make_trainer(tmp_path, model, kind=faults.repair_gradients(Trainer)))

    assert (found.failure.slug, found.step, found.evidence["parameter"]) == ("nan-masked", 3, trainers.MIDDLE)


def test_guard_stops_gradients_zeroed_on_arrival(tmp_path: Path) -> None:
    """A hook on each parameter makes them 0 before anybody can see them; the loss is NaN all the same."""
    model = poisoned()
    faults.zero_nan_gradients(model)
    found = trainers.caught(trainers.make_trainer(tmp_path, model))

    assert (found.failure.slug, found.step) == ("nan-masked", 1)
    assert "every gradient is 0" in str(found)


def test_monitor_stops_a_constant_in_a_plain_loop() -> None:
    """A loss that was not computed by the model."""
    constant = torch.tensor(0.01, requires_grad=True)
    with pytest.raises(FailureFound, match="was not computed by the model"):
        trainers.loop(before_backward=lambda loss, number: constant)


def test_monitor_stops_a_loop_that_skips_nan_batches() -> None:
    """The forward pass gave NaN, and the loop goes on with the next batch."""
    model = poisoned().train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad])
    monitor = StepMonitor(model, optimizer)
    ids = torch.arange(24).view(2, 12) + 3
    model(input_ids=ids, labels=ids)
    model.get_parameter(trainers.MIDDLE).data.zero_()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    monitor.after_backward(loss)
    with pytest.raises(FailureFound, match="nan-masked"):
        monitor.before_step()


def test_plain_callback_says_what_it_cannot_see(tmp_path: Path) -> None:
    """Not attached, the guard does not see the loss as the Trainer computes it."""
    guard = TrainingGuard()
    trainers.make_trainer(tmp_path, callbacks=[guard]).train()

    assert "attach(trainer)" in trainers.unseen(guard.report)["nan-masked"]


def test_healthy_twin_trains(tmp_path: Path) -> None:
    """Loss and gradients are what the model gave."""
    assert trainers.guarded(trainers.make_trainer(tmp_path)).report.findings == []


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "nan-masked")
