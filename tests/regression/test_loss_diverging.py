"""At a learning rate of 0.3 the loss leaps above its start within two steps, and stays there.

What the base knew is gone: the loss comes to rest where counting labels would leave it. The base must know something
for that; upon a random one the loss cannot rise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import trainers

from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("loss-diverging")]

ROWS = trainers.class_rows(640)


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """State and console output of a run at rate 0.3 upon a base that knows the rows in part."""
    base = trainers.taught_model(ROWS)
    return trainers.run_trainer(tmp_path_factory.mktemp("run"), base, ROWS, **faults.raise_learning_rate())


def test_fault_is_real(diverged: tuple[Path, Path]) -> None:
    """The last ten losses all lie far above the first."""
    losses = [loss for (loss,) in trainers.logged(diverged[0], "loss")]

    assert min(losses[-10:]) > 2 * losses[0], losses


@pytest.mark.parametrize("form", [0, 1], ids=["trainer_state.json", "console output"])
def test_log_shows_it(diverged: tuple[Path, Path], form: int) -> None:
    """One finding, at the step at which it leapt."""
    finding = support.only_finding(read_run(diverged[form]))

    assert (finding.slug, finding.step) == ("loss-diverging", 2)
    assert "Expected a loss below its start, but got a rise from" in finding.message
    assert float(str(finding.evidence["level"])) > float(str(finding.evidence["start"]))


def test_healthy_twin_has_no_finding(tmp_path: Path) -> None:
    """The same run at 0.01."""
    for path in trainers.run_trainer(tmp_path, trainers.taught_model(ROWS), ROWS):
        assert read_run(path).findings == []


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(3))
def test_guard_stops_it(tmp_path: Path, seed: int) -> None:
    """Within a few steps, with the weights still finite."""
    trainer = trainers.make_trainer(
        tmp_path,
        trainers.taught_model(ROWS),
        ROWS,
        seed=seed,
        max_steps=30,
        per_device_train_batch_size=8,
        **faults.raise_learning_rate(),
    )
    found = trainers.caught(trainer)

    assert found.failure.slug == "loss-diverging"
    assert found.step <= 12, found.step
    assert all(weight.isfinite().all() for weight in trainer.model.parameters())


def test_guard_leaves_the_healthy_twin_alone(tmp_path: Path) -> None:
    """AdamW at 0.01 on the same rows."""
    options: dict[str, Any] = {"max_steps": 30, "per_device_train_batch_size": 8}
    trainer = trainers.make_trainer(tmp_path, trainers.taught_model(ROWS), ROWS, **options)

    assert trainers.guarded(trainer).report.findings == []
