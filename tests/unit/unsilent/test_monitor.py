"""A plain loop is watched as a Trainer is, and let go of."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faults
import pytest
import support
import talking
import torch
import trainers

from unsilent import StepMonitor
from unsilent.monitor import WATCHED
from unsilent.outcome import FailureFound, FailureWarning, failed
from unsilent.ranks import Ranks


def test_healthy_loop_passes_everything() -> None:
    """With accumulation; every failure that is watched for is said to be absent."""
    monitor = trainers.loop(accumulation=2)

    assert monitor.findings == []
    assert {outcome.slug for outcome in monitor.passed()} == set(WATCHED)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16], ids=["fp32", "bf16"])
def test_nan_in_a_plain_loop_is_named(dtype: torch.dtype | None) -> None:
    """Parameter, step and micro-batch."""
    model = trainers.fresh_adapter()
    faults.spoil_gradient(model, trainers.MIDDLE, backward=6)
    with pytest.raises(FailureFound) as found:
        trainers.loop(model, accumulation=4, autocast=dtype)

    assert (found.value.step, found.value.micro_batch) == (2, 2)
    assert found.value.evidence["parameters"] == [trainers.MIDDLE]


def test_monitor_that_was_not_used_passes_nothing() -> None:
    """No step was judged; ending it finds nothing either."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    monitor.finish()
    monitor.close()

    assert (monitor.passed(), monitor.findings) == ([], [])


def test_model_of_ones_own_is_watched() -> None:
    """No transformers, a tuple for an output, and a loss outside of the model."""
    model = torch.nn.LSTM(3, 2)
    monitor = StepMonitor(model, optimizer := torch.optim.SGD(model.parameters(), lr=0.1))
    for step in range(3):
        output, _ = model(torch.ones(4, 3) * (step + 1))
        loss = output.square().sum()
        loss.backward()
        monitor.after_backward(loss)
        monitor.before_step()
        optimizer.step()
        monitor.after_step()
        optimizer.zero_grad()
    monitor.close()

    assert monitor.findings == []


def test_model_without_anything_to_train_is_said() -> None:
    """Nothing requires a gradient, with no adapter to blame: what looks like training is none."""
    model = support.tiny_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.requires_grad_(requires_grad=False)
    monitor = StepMonitor(model, optimizer)
    monitor.after_backward(1.0)
    with pytest.raises(FailureFound, match="frozen-adapter"):
        monitor.before_step()


def test_disabled_scaler_is_none() -> None:
    """GradScaler(enabled=False) scales nothing, so that NaN is a finding."""
    model = trainers.fresh_adapter()
    faults.put_nan_into(model, trainers.MIDDLE)
    with pytest.raises(FailureFound, match="nan-grad-norm"):
        trainers.loop(model, scaler=torch.amp.GradScaler("cpu", enabled=False))


def test_optimizer_without_groups_is_left_alone() -> None:
    """Somebody's own."""
    model = support.tiny_model()

    assert StepMonitor(model, SimpleNamespace())._groups == []


def test_logits_may_be_missing_or_odd() -> None:
    """Empty, one-dimensional or absent logits, a loss for each row: nothing to see there."""

    class Odd(torch.nn.Module):
        """Returns what it was told to."""

        def __init__(self, output: Any) -> None:  # noqa: ANN401
            super().__init__()
            self.weight, self.output = torch.nn.Parameter(torch.ones(1)), output

        def forward(self) -> Any:  # noqa: ANN401
            return self.output

    rows = torch.ones(3)
    for output in (None, {"logits": rows}, {"logits": torch.ones(2, 0)}, {"loss": rows}, {"logits": [1]}):
        model = Odd(output)
        monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
        model()
        monitor.close()

        assert (monitor._now.logits, monitor._now.own_loss) == (None, None)


def test_evaluation_is_not_watched() -> None:
    """Forward passes without gradients are nobody's training."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    with torch.no_grad():
        model(input_ids=torch.ones(1, 4, dtype=torch.long))
    monitor.close()

    assert monitor._now.logits is None


@pytest.mark.parametrize("labels", [None, torch.tensor(1), torch.ones(2, 3), "words"])
def test_labels_of_another_kind_are_not_counted(labels: object) -> None:
    """None, a number, probabilities, something else."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    monitor.see_labels(labels)
    monitor.close()

    assert monitor._now.supervised is None


def test_classes_are_counted_whole() -> None:
    """One label a row: none of them is shifted away."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    monitor.see_labels(torch.tensor([0, 1, -100]))
    monitor.close()

    assert (int(monitor._now.supervised or 0), monitor._now.rows) == (2, 3)


def test_copies_and_saved_models_are_watched_by_nobody(tmp_path: Path) -> None:
    """An average of weights copies the model while it trains, a callback may save it whole."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    torch.save(model, tmp_path / "whole.pt")
    others = [copy.deepcopy(model), torch.load(tmp_path / "whole.pt", weights_only=False)]
    for other in others:
        other(input_ids=torch.ones(1, 4, dtype=torch.long))
    monitor.close()

    assert (monitor._now.logits, monitor._live.executed) == (None, {})


def test_complex_and_lazy_parameters_are_no_obstacle() -> None:
    """Both parts of a complex gradient are measured; what has no shape yet is left alone."""

    class Odd(torch.nn.Module):
        """One of each."""

        def __init__(self) -> None:
            super().__init__()
            self.phase = torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))
            self.later = torch.nn.LazyLinear(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.phase * x).abs()

    model = Odd()
    monitor = StepMonitor(model, torch.optim.SGD([model.phase], lr=0.1))
    loss = model(torch.ones(2)).sum()
    loss.backward()
    monitor.after_backward(loss)
    monitor.before_step()
    monitor.close()

    assert monitor.findings == []


@pytest.mark.no_cover
@pytest.mark.parametrize(("last", "seen"), [(3, 9), (7, 14), (15, 24), (30, 39), (44, 54)])
def test_optimizer_that_stops_later_is_found(last: int, seen: int) -> None:
    """Weights are watched anew after 5, 10, 20, 35 and every fifty steps: a stop shows early in a short run, too."""
    model = trainers.fresh_adapter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def give_up(loss: torch.Tensor, number: int) -> torch.Tensor:
        if number == last + 1:
            faults.never_step(optimizer)
        return loss

    words = f"differs from what it was before step {seen - 4}, after 4 steps"
    with pytest.raises(FailureFound, match=words) as found:
        trainers.loop(model, optimizer=optimizer, steps=60, before_backward=give_up)

    assert (found.value.failure.slug, found.value.step) == ("weights-unchanged", seen)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("steps", [6, 12, 23, 52])
def test_schedule_that_ends_at_zero_is_no_stop(steps: int, dtype: torch.dtype) -> None:
    """The last steps may move weights by less than their spacing: they were moved before."""
    model = torch.nn.Linear(1, 1, bias=False).to(dtype)
    torch.nn.init.ones_(model.weight)
    monitor = StepMonitor(model, optimizer := torch.optim.SGD(model.parameters(), lr=0.05), max_steps=steps)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.05 * 0.05 ** (9 * step / steps)
        loss = model(torch.ones(1, 1, dtype=dtype)).sum() * (-1) ** step
        loss.backward()
        monitor.after_backward(loss)
        monitor.before_step()
        optimizer.step()
        monitor.after_step()
        optimizer.zero_grad()
    monitor.finish()
    monitor.close()

    assert monitor.findings == []


def test_risk_is_said_and_no_more() -> None:
    """A policy that will hurt later does not stop a run."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    risk = failed("fp16-unguarded", "wiring", "Expected bf16, but got fp16.", {"scaler": False})
    with pytest.warns(FailureWarning, match="fp16-unguarded"):
        monitor.tell_before([risk])
    monitor.close()

    assert monitor.findings == []


def test_signs_of_what_was_said_are_not_said_again() -> None:
    """Told to warn: the root once, its symptom kept under it."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1), on_finding="warn")
    with pytest.warns(FailureWarning, match="lr-zero"):
        monitor.tell([failed("lr-zero", "guard", "m", {"lr": 0})])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.tell([failed("weights-unchanged", "guard", "m", {"steps": 3})])
        monitor.tell([failed("lr-zero", "guard", "m", {"lr": 0})])
    monitor.close()

    assert [(finding.slug, finding.symptoms) for finding in monitor.findings] == [("lr-zero", ("weights-unchanged",))]


def test_rank_that_cannot_ask_looks_at_its_averaged_gradients() -> None:
    """Under a scaler: another rank has overflown, so this one's step is skipped although its own norms are finite."""
    model = support.tiny_model()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    monitor.ranks = Ranks(why_not="the parameters are sharded")
    model.lm_head.weight.grad = torch.full_like(model.lm_head.weight, torch.inf)
    told = monitor._is_broken_anywhere(here=False)
    monitor.close()

    assert told


def test_weights_are_compared_without_a_gradient_too() -> None:
    """A step in which nothing was seen but the fingerprints."""
    monitors = talking.train_together(steps=(1, 1))

    assert [monitor.findings for monitor in monitors] == [[], []]
    assert [monitor.ranks.has_compared for monitor in monitors] == [True, True]
