"""A loss of 0.0 step after step: NaN that Trainer hides, or no label to learn from, told apart by the norm beside it.

The first is ``nan-grad-norm``, of which 0.0 is the sign; the second is a finding of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import trainers
from transformers import Trainer

from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("zero-loss")]

ROWS = trainers.class_rows(80)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """State and console output of a run without a label."""
    rows = faults.hide_every_label(ROWS)
    return trainers.run_trainer(tmp_path_factory.mktemp("run"), support.tiny_model(), rows, max_steps=5)


def test_fault_is_real(masked: tuple[Path, Path]) -> None:
    """Without labels Trainer logs a loss of 0.0 and a norm of 0.0, and goes on."""
    assert trainers.logged(masked[0], "loss", "grad_norm") == [(0.0, 0.0)] * 5


@pytest.mark.parametrize("form", [0, 1], ids=["trainer_state.json", "console output"])
def test_log_shows_it(masked: tuple[Path, Path], form: int) -> None:
    """A finding from the first record on, with masked labels as the likeliest cause."""
    finding = support.only_finding(read_run(masked[form]))

    assert (finding.slug, finding.step) == ("zero-loss", 1)
    assert "Expected a loss above 0, but got loss 0.0 from there to the end (5 of 5 records)" in finding.message
    assert "every label masked" in str(finding.evidence["likely"])
    assert finding.evidence["causes"][0]["failure"] == "labels-all-masked"  # type: ignore[index] # a list of causes


def test_norms_tell_the_causes_apart(tmp_path: Path) -> None:
    """Beside NaN it is a symptom, without norms both causes are named."""
    (tmp_path / "nan.txt").write_text("loss 0.0 grad_norm nan\n" * 5)
    (tmp_path / "bare.txt").write_text("loss 0.0\n" * 5)

    assert support.only_finding(read_run(tmp_path / "nan.txt")).symptoms == ("zero-loss",)
    assert "no grad_norm to tell them apart" in str(support.only_finding(read_run(tmp_path / "bare.txt")).evidence)


def test_loss_may_turn_zero_late(tmp_path: Path) -> None:
    """A loss that drops from 1.5 to exactly 0.0 has not been learnt away."""
    (tmp_path / "log.txt").write_text("loss 1.9\nloss 1.7\nloss 1.5\n" + "loss 0.0\n" * 4)
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert (finding.slug, finding.step) == ("zero-loss", 4)


def test_healthy_twin_has_no_finding(tmp_path: Path) -> None:
    """The same run with its labels."""
    for path in trainers.run_trainer(tmp_path, support.tiny_model(), ROWS, max_steps=5):
        assert read_run(path).findings == []


def test_memorised_batch_is_healthy(tmp_path: Path) -> None:
    """A loss that came down to 0.0 by rounding, with norms that are small and not zero, or without norms."""
    values = [2.0, 1.0, 0.1, 0.01, 0.001, *[0.0] * 6]
    (tmp_path / "norms.txt").write_text("".join(f"loss {value} grad_norm {value / 3 + 1e-4}\n" for value in values))
    (tmp_path / "bare.txt").write_text("".join(f"loss {value}\n" for value in values))

    assert read_run(tmp_path / "norms.txt").findings == read_run(tmp_path / "bare.txt").findings == []


def test_guard_tells_hidden_nan_from_no_labels(tmp_path: Path) -> None:
    """Both will be logged as 0.0; the raw loss and the labels say why."""
    poisoned = trainers.fresh_adapter()
    faults.put_nan_into(poisoned, trainers.MIDDLE)
    hidden = trainers.caught(trainers.make_trainer(tmp_path, poisoned))
    rows = faults.hide_every_label(trainers.counting_rows())
    masked = trainers.caught(trainers.make_trainer(tmp_path, rows=rows), wiring=False)

    assert [(found.failure.slug, found.outcome.symptoms) for found in (hidden, masked)] == [
        ("nan-grad-norm", ("zero-loss",)),
        ("labels-all-masked", ("zero-loss",)),
    ]
    assert (str(hidden.evidence["loss"]), masked.evidence["supervised"]) == ("nan", 0)


def test_guard_finds_a_loss_that_is_nothing(tmp_path: Path) -> None:
    """Labels are there, and somebody multiplies the loss by 0."""

    class Silenced(Trainer):  # type: ignore[misc] # untyped
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as Trainer has it
            return super().compute_loss(*args, **kwargs) * 0.0

    found = trainers.caught(trainers.make_trainer(tmp_path, kind=Silenced, max_steps=12))

    assert (found.failure.slug, found.step) == ("zero-loss", 10)
    assert found.evidence["raw_loss"] == 0.0


def test_memorised_batch_is_left_alone(tmp_path: Path) -> None:
    """A loss that truly comes down to a hundredth is no finding."""
    rows = trainers.counting_rows(4)
    trainer = trainers.make_trainer(tmp_path, trainers.memorised_model(rows), rows, max_steps=20)
    guard = trainers.guarded(trainer)

    assert guard.report.findings == []
    assert trainer.state.log_history[-2]["loss"] < 0.05
