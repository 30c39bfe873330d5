"""A NaN in one weight shows as grad_norm nan from the first record on, and from the second on the loss is 0.0.

Reported as ``{'loss': 0.0, 'grad_norm': nan}`` for whole runs: Trainer prints a NaN loss as 0.0
(``logging_nan_inf_filter``), so that the log looks like a perfect fit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
import trainers

from homework import lora, sft, training
from homework.adapter_files import read_manifest
from homework.errors import AdapterRefused
from unsilent.adapters import inspect_adapter
from unsilent.guard import TrainingGuard
from unsilent.outcome import FailureFound, FailureWarning
from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("nan-grad-norm")]

ROWS = trainers.class_rows(80)
REPORTED = "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 0.0002, 'epoch': 0.04}\n" * 25


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """State and console output of a run with NaN in one lora_B."""
    model = support.tiny_adapter()
    faults.put_nan_into(model, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight")
    return trainers.run_trainer(tmp_path_factory.mktemp("run"), model, ROWS, max_steps=5)


def test_fault_is_real(poisoned: tuple[Path, Path]) -> None:
    """The documented log appears, in the file and on the screen."""
    logged = trainers.logged(poisoned[0], "loss", "grad_norm")

    assert [str(norm) for _, norm in logged] == ["nan"] * 5
    assert [loss for loss, _ in logged][1:] == [0.0] * 4
    assert "'grad_norm': 'nan'" in poisoned[1].read_text()


@pytest.mark.parametrize("form", [0, 1], ids=["trainer_state.json", "console output"])
def test_log_shows_it(poisoned: tuple[Path, Path], form: int) -> None:
    """One finding at the first step, with the loss of 0.0 as its symptom."""
    finding = support.only_finding(read_run(poisoned[form]))

    assert (finding.slug, finding.step, finding.symptoms) == ("nan-grad-norm", 1, ("zero-loss",))
    assert "got grad_norm nan from there to the end (5 of 5 records), with a loss of 0.0" in finding.message
    assert finding.evidence["causes"][0]["failure"] == "nan-grad-norm"  # type: ignore[index] # a list of causes


def test_reported_lines_are_found(tmp_path: Path) -> None:
    """The reports' own lines, which older versions print without quotes."""
    (tmp_path / "log.txt").write_text(REPORTED)
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert (finding.slug, finding.step, finding.symptoms) == ("nan-grad-norm", 1, ("zero-loss",))


def test_beginning_in_the_middle_is_named(tmp_path: Path) -> None:
    """The first line with NaN still shows a plausible loss; it is the one that is named."""
    lines = [f"step {step} loss {2 - step / 50} grad_norm 1.{step}" for step in range(1, 30)]
    lines += ["step 30 loss 1.4 grad_norm nan", *(f"step {step} loss 0.0 grad_norm nan" for step in range(31, 40))]
    (tmp_path / "log.txt").write_text("\n".join(lines))
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert (finding.slug, finding.step) == ("nan-grad-norm", 30)


def test_healthy_twin_has_no_finding(tmp_path: Path) -> None:
    """The same run without the NaN; and the steps that a gradient scaler skips, which pass."""
    state, console = trainers.run_trainer(tmp_path, support.tiny_adapter(), ROWS, max_steps=5)
    (tmp_path / "scaler.txt").write_text("loss 2.1 grad_norm inf\nloss 2.1 grad_norm nan\nloss 2.0 grad_norm 1.1\n")

    for path in (state, console, tmp_path / "scaler.txt"):
        assert read_run(path).findings == []


def test_guard_stops_before_the_step(tmp_path: Path) -> None:
    """A NaN weight is named, and what the optimizer holds is untouched."""
    model = trainers.fresh_adapter()
    faults.put_nan_into(model, trainers.MIDDLE)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    trainer = trainers.make_trainer(tmp_path, model)
    found = trainers.caught(trainer)

    assert (found.failure.slug, found.step, found.micro_batch) == ("nan-grad-norm", 1, 1)
    assert (found.evidence["kind"], found.evidence["parameter"]) == ("weight", trainers.MIDDLE)
    assert found.outcome.symptoms == ("zero-loss",)
    assert all(
        torch.equal(weight.nan_to_num(), before[name].nan_to_num()) for name, weight in model.state_dict().items()
    )
    assert not trainer.optimizer.optimizer.state


CLIPPING = pytest.mark.parametrize("max_grad_norm", [0.0, 1.0], ids=["no clipping", "clipping"])
PLACES = pytest.mark.parametrize("attached", [True, False], ids=["attached", "callback"])


@CLIPPING
@PLACES
def test_guard_names_parameter_and_micro_batch(tmp_path: Path, max_grad_norm: float, attached: bool) -> None:  # noqa: FBT001
    """One NaN gradient in micro-batch 2 of 4 of the third step, in a module that is not the last."""
    model = trainers.fresh_adapter()
    faults.spoil_gradient(model, trainers.MIDDLE, backward=2 * 4 + 2)
    options: dict[str, Any] = {"gradient_accumulation_steps": 4, "max_grad_norm": max_grad_norm}
    guard = TrainingGuard()
    trainer = trainers.make_trainer(tmp_path, model, callbacks=[guard], **options)
    if attached:
        guard.attach(trainer)
    with pytest.raises(FailureFound, match="nan-grad-norm") as found:
        trainer.train()

    assert (found.value.step, found.value.micro_batch) == (3, 2)
    assert found.value.evidence["parameters"] == [trainers.MIDDLE]
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_guard_names_the_module_of_an_activation(tmp_path: Path) -> None:
    """An overflow in the forward pass: the batch that made it is run once more to find where."""
    model = trainers.fresh_adapter()
    model.get_submodule("base_model.model.model.layers.0.mlp.down_proj").weight.data.mul_(1e38)
    found = trainers.caught(trainers.make_trainer(tmp_path, model))

    assert (found.failure.slug, found.evidence["kind"]) == ("nan-grad-norm", "activation")
    assert found.evidence["repeats"] is True
    assert str(found.evidence["module"]).startswith("base_model.model.model.layers.0.mlp.down_proj")


def test_guard_stops_at_the_batch_that_overflows(tmp_path: Path) -> None:
    """One forward pass of many, in the third step's fourth micro-batch."""
    model = trainers.fresh_adapter()
    faults.spoil_activation(model, "base_model.model.model.layers.1.mlp", forward=12)
    found = trainers.caught(trainers.make_trainer(tmp_path, model, gradient_accumulation_steps=4), wiring=False)

    assert (found.failure.slug, found.step, found.micro_batch) == ("nan-grad-norm", 3, 4)
    assert "run again on the same batch it stayed finite in every module" in str(found)
    assert f"first gradient that is not finite {found.evidence['parameter']}, step 3" in str(found)
    assert (found.evidence["module"], found.evidence["repeats"]) == (None, False)


def test_guard_that_may_not_run_the_batch_again_does_not_say_how_it_went(tmp_path: Path) -> None:
    """With ``rerun=False`` nothing is known of a second pass."""
    model = trainers.fresh_adapter()
    faults.spoil_activation(model, "base_model.model.model.layers.1.mlp", forward=2)
    found = trainers.caught(trainers.make_trainer(tmp_path, model), wiring=False, rerun=False)

    assert "run again" not in str(found)
    assert found.evidence["repeats"] is None


def test_told_to_warn_it_goes_on(tmp_path: Path) -> None:
    """Once, and the run ends as it would have."""
    model = trainers.fresh_adapter()
    faults.put_nan_into(model, trainers.MIDDLE)
    with pytest.warns(FailureWarning, match="nan-grad-norm") as heard:
        guard = trainers.guarded(trainers.make_trainer(tmp_path, model), on_finding="warn")

    assert len(heard) == 1
    assert [finding.slug for finding in guard.report.findings] == ["nan-grad-norm"]


def test_healthy_twin_trains(tmp_path: Path) -> None:
    """Accumulation and clipping at work, no finding."""
    trainer = trainers.make_trainer(tmp_path, gradient_accumulation_steps=4, max_grad_norm=0.1)

    assert trainers.guarded(trainer).report.findings == []


def test_library_stops_and_says_so(
    tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own run: stopped before the third step, the state before it kept, refused for answers."""
    real = lora.add_adapter

    def spoilt(model: Any, rank: int, **options: Any) -> Any:  # noqa: ANN401 - as the library has it
        adapted = real(model, rank, **options)
        faults.spoil_gradient(adapted, trainers.MIDDLE, backward=3)
        return adapted

    monkeypatch.setattr(training, "add_adapter", spoilt)
    with pytest.raises(FailureFound, match="nan-grad-norm"):
        support.train_tiny(tiny_base, tmp_path / "out")
    stopped = read_manifest(tmp_path / "out")["stopped"]

    assert (stopped["failure"], stopped["step"], stopped["evidence"]["parameter"]) == (
        "nan-grad-norm",
        3,
        trainers.MIDDLE,
    )
    with pytest.raises(AdapterRefused, match="stopped by nan-grad-norm"):
        sft.load(str(tmp_path / "out"))
    assert sft.load(str(tmp_path / "out"), is_trainable=True).model.training
    said = [outcome.message for outcome in inspect_adapter(tmp_path / "out").outcomes]
    assert "the state before step 3, where the run was stopped by nan-grad-norm" in said
