"""A NaN in one weight shows as grad_norm nan from the first record on, and from the second on the loss is 0.0.

Reported as ``{'loss': 0.0, 'grad_norm': nan}`` for whole runs: Trainer prints a NaN loss as 0.0
(``logging_nan_inf_filter``), so that the log looks like a perfect fit.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import support
import trainers

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
