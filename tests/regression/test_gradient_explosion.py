"""At a learning rate of 10 the gradient norm grows by orders of magnitude, and stays there.

Under RMSprop, which follows the rate. AdamW bounds each step by it: there the norm leaps once and falls to nothing, and
what such a run shows is ``loss-diverging``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
import trainers
from transformers import TrainerCallback

from unsilent.live import Live
from unsilent.outcome import FailureWarning
from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("gradient-explosion")]

ROWS = trainers.class_rows(640, filler=12)


@pytest.fixture(scope="module")
def exploded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """State and console output of a run at rate 10."""
    base = trainers.taught_model(ROWS)
    return trainers.run_trainer(tmp_path_factory.mktemp("run"), base, ROWS, **faults.let_gradients_explode())


def test_fault_is_real(exploded: tuple[Path, Path]) -> None:
    """The norm is a hundred times the first within a few steps, again and again; every number is finite."""
    norms = [norm for (norm,) in trainers.logged(exploded[0], "grad_norm")]

    assert sum(norm > 100 * norms[0] for norm in norms[1:12]) >= 5, norms[:12]
    assert all(math.isfinite(norm) for norm in norms)


@pytest.mark.parametrize("form", [0, 1], ids=["trainer_state.json", "console output"])
def test_log_shows_it(exploded: tuple[Path, Path], form: int) -> None:
    """The growth is the root; a loss that rose is its symptom."""
    finding = support.only_finding(read_run(exploded[form]))

    assert finding.slug == "gradient-explosion"
    assert finding.step is not None
    assert finding.step <= 6
    assert set(finding.symptoms) <= {"loss-diverging"}
    assert "Expected a grad_norm of the order it began with, but got growth from" in finding.message


def test_healthy_twin_has_no_finding(tmp_path: Path) -> None:
    """The same run with AdamW at 0.01."""
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
        **faults.let_gradients_explode(),
    )
    found = trainers.caught(trainer)

    assert found.failure.slug == "gradient-explosion"
    assert found.step <= 10, found.step
    assert all(weight.isfinite().all() for weight in trainer.model.parameters())


class OneStepTooFar(TrainerCallback):  # type: ignore[misc] # untyped base class
    """After two steps the adapter is larger by a factor, and so saturated that it passes nothing on."""

    def __init__(self, factor: float) -> None:
        """By so much."""
        self.factor = factor

    @torch.no_grad()
    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ANN401, ARG002
        """Once."""
        if state.global_step == 2:
            for weight in given["model"].parameters():
                if weight.requires_grad:
                    weight.mul_(self.factor)
                    weight.register_hook(torch.zeros_like)


@pytest.mark.parametrize(("factor", "slug"), [(1e4, "gradient-explosion"), (1.0, "weights-unchanged")])
def test_guard_tells_why_nothing_passes(tmp_path: Path, factor: float, slug: str) -> None:
    """Weights that have outgrown the base's were driven there; others may be somebody's zeros."""
    found = trainers.caught(trainers.make_trainer(tmp_path, callbacks=[OneStepTooFar(factor)]))

    assert (found.failure.slug, found.step) == (slug, 3)
    assert ("times as large as frozen ones" in str(found)) == (factor > 1)


def test_weights_are_measured_once_where_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every later step is as dead as the first one, and would pay for it again."""
    asked: list[Live] = []

    def outgrown(live: Live) -> float:
        asked.append(live)
        return 1.0

    monkeypatch.setattr(Live, "outgrown", outgrown)
    trainer = trainers.make_trainer(tmp_path, callbacks=[OneStepTooFar(1.0)], max_steps=8)
    with pytest.warns(FailureWarning, match="weights-unchanged"):
        trainers.guarded(trainer, on_finding="warn")

    assert len(asked) == 1


@pytest.mark.parametrize("line", ['{"loss": %s, "grad_norm": %s}', "{'loss': '%s', 'grad_norm': '%s'}"])
def test_end_in_nan_is_its_symptom(line: str, tmp_path: Path) -> None:
    """Norms of 0.4, 6 and 6e14, then NaN, printed as a loss of 0.0: one cause, and what became of it."""
    numbers = [("1.6", "0.4"), ("5.8", "6.0"), ("7.1", "6e14"), ("9.0", "NaN"), *[("0.0", "NaN")] * 20]
    log = tmp_path / "log.txt"
    log.write_text("\n".join(line % pair for pair in numbers))
    finding = support.only_finding(read_run(log))

    assert finding.slug == "gradient-explosion"
    assert {"nan-grad-norm", "zero-loss"} <= set(finding.symptoms)


@pytest.mark.parametrize("digits", [4, 16], ids=["console", "state"])
def test_log_of_a_leap_after_which_nothing_passes(digits: int, tmp_path: Path) -> None:
    """Saturated units: norms of exactly 0.0 and a loss that stands still, which nobody has put there."""
    numbers = [(0.00501177, 0.02401), (6.0221434, 333.8), *[(5.5570135116577, 0.0)] * 20]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"loss": float(f"{loss:.{digits}g}"), "grad_norm": norm}) + "\n"
                           for loss, norm in numbers))  # fmt: skip
    finding = support.only_finding(read_run(log))

    assert finding.slug == "gradient-explosion"
    assert "from then on exactly 0.0" in finding.message


def test_guard_leaves_the_healthy_twin_alone(tmp_path: Path) -> None:
    """AdamW at 0.01 on the same rows."""
    options: dict[str, Any] = {"max_steps": 30, "per_device_train_batch_size": 8}
    trainer = trainers.make_trainer(tmp_path, trainers.taught_model(ROWS), ROWS, **options)

    assert trainers.guarded(trainer).report.findings == []
