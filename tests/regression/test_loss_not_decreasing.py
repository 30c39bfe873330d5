"""With shuffled labels the weights move and the loss stays where it was.

The base already knows how often each label occurs; more than that there is not to learn when labels belong to other
rows.
"""

from __future__ import annotations

import copy
from pathlib import Path

import faults
import pytest
import support
import trainers

from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("loss-not-decreasing")]

ROWS = trainers.class_rows(1920)


@pytest.fixture(scope="module")
def base() -> object:
    """A model that knows the labels' frequencies and nothing else."""
    return trainers.taught_model(faults.shuffle_labels(ROWS), steps=60)


@pytest.fixture(scope="module")
def shuffled(base: object, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """State and console output of a run on rows with each other's labels."""
    rows = faults.shuffle_labels(trainers.class_rows(1920, seed=7))
    folder = tmp_path_factory.mktemp("run")
    return trainers.run_trainer(folder, copy.deepcopy(base), rows, per_device_train_batch_size=32, max_steps=60)


def test_fault_is_real(shuffled: tuple[Path, Path]) -> None:
    """Gradients flow in every step, and the last losses are as high as the first."""
    logged = trainers.logged(shuffled[0], "loss", "grad_norm")
    first, last = (sum(loss for loss, _ in part) / 10 for part in (logged[:10], logged[-10:]))

    assert min(norm for _, norm in logged) > 0.01
    assert abs(last - first) < 0.05 * first, (first, last)


@pytest.mark.parametrize("form", [0, 1], ids=["trainer_state.json", "console output"])
def test_log_shows_it(shuffled: tuple[Path, Path], form: int) -> None:
    """One finding from the first step on, with the line's two ends."""
    finding = support.only_finding(read_run(shuffled[form]))

    assert (finding.slug, finding.step) == ("loss-not-decreasing", 1)
    assert "Expected a loss that falls, but got" in finding.message
    assert finding.evidence["grad_norm_always_zero"] is False


def test_healthy_twin_has_no_finding(base: object, tmp_path: Path) -> None:
    """The same rows with their own labels."""
    rows = trainers.class_rows(1920, seed=7)

    for path in trainers.run_trainer(tmp_path, copy.deepcopy(base), rows, per_device_train_batch_size=32, max_steps=60):
        assert read_run(path).findings == []


def test_rate_of_zero_is_named_as_the_cause(tmp_path: Path) -> None:
    """A flat loss whose records all say a learning rate of 0."""
    lines = [f"step {step} loss {2 + step % 3 / 100} grad_norm 1.1 lr 0.0" for step in range(1, 41)]
    (tmp_path / "log.txt").write_text("\n".join(lines))
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert finding.evidence["causes"][0]["failure"] == "lr-zero"  # type: ignore[index] # a list of causes
