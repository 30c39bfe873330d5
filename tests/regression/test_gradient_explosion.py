"""At a learning rate of 1.0 the gradient norm grows by orders of magnitude, and ends in NaN.

Under RMSprop, which follows the rate. AdamW bounds each step by it: there the norm leaps once and falls to nothing, and
what such a run shows is ``loss-diverging``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import faults
import pytest
import support
import trainers

from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("gradient-explosion")]

ROWS = trainers.class_rows(640, filler=12)


@pytest.fixture(scope="module")
def exploded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """State and console output of a run at rate 1.0."""
    base = trainers.taught_model(ROWS)
    return trainers.run_trainer(tmp_path_factory.mktemp("run"), base, ROWS, **faults.let_gradients_explode())


def test_fault_is_real(exploded: tuple[Path, Path]) -> None:
    """The norm is a hundred times the first within a few steps; the run ends in NaN that is printed as 0.0."""
    logged = trainers.logged(exploded[0], "loss", "grad_norm")

    assert max(norm for _, norm in logged[1:6]) > 100 * logged[0][1], logged[:6]
    assert (logged[-1][0], str(logged[-1][1])) == (0.0, "nan")


@pytest.mark.parametrize("form", [0, 1], ids=["trainer_state.json", "console output"])
def test_log_shows_it(exploded: tuple[Path, Path], form: int) -> None:
    """The growth is the root; NaN, 0.0 and a loss that rose are its symptoms."""
    finding = support.only_finding(read_run(exploded[form]))

    assert finding.slug == "gradient-explosion"
    assert finding.step is not None
    assert finding.step <= 5
    assert {"nan-grad-norm", "zero-loss"} <= set(finding.symptoms)
    assert "Expected a grad_norm of the order it began with, but got growth from" in finding.message


def test_healthy_twin_has_no_finding(tmp_path: Path) -> None:
    """The same run with AdamW at 0.01."""
    for path in trainers.run_trainer(tmp_path, trainers.taught_model(ROWS), ROWS):
        assert read_run(path).findings == []


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
        **faults.let_gradients_explode(),
    )
    found = trainers.caught(trainer)

    assert found.failure.slug == "gradient-explosion"
    assert found.step <= 10, found.step
    assert all(weight.isfinite().all() for weight in trainer.model.parameters())


def test_guard_stops_before_it_is_nan(tmp_path: Path) -> None:
    """A norm of 6e9 after one of 0.9 need not be waited for: the next would be NaN."""
    options: dict[str, Any] = {"max_steps": 30, "per_device_train_batch_size": 8, "seed": 1}
    model = trainers.taught_model(ROWS)
    found = trainers.caught(trainers.make_trainer(tmp_path, model, ROWS, **options, **faults.let_gradients_explode()))

    assert (found.failure.slug, found.outcome.symptoms) == ("gradient-explosion", ())
    assert 1e6 < float(str(found.evidence["grad_norm"])) < math.inf


def test_guard_leaves_the_healthy_twin_alone(tmp_path: Path) -> None:
    """AdamW at 0.01 on the same rows."""
    options: dict[str, Any] = {"max_steps": 30, "per_device_train_batch_size": 8}
    trainer = trainers.make_trainer(tmp_path, trainers.taught_model(ROWS), ROWS, **options)

    assert trainers.guarded(trainer).report.findings == []
