"""What optimizer, schedule and place in the data say of a resumed run; what they cannot say is passed over."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch

from unsilent.outcome import Outcome
from unsilent.resumed_records import Resumed
from unsilent.resumption import check_resumption

LIKE_TRAINER = SimpleNamespace(lr_scheduler_type="linear")  # steps the schedule after each step of the optimizer


def stopped(kind: Any = torch.optim.AdamW, steps: int = 4, line: int = 8, **options: Any) -> Resumed:  # noqa: ANN401
    """A plain loop after four steps of eight, about to go on: a linear schedule, one epoch of eight batches."""
    model = torch.nn.Linear(2, 1)
    optimizer = kind(model.parameters(), lr=0.1, **options)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / line, 0.0))
    for _ in range(steps):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        scheduler.step()
    return Resumed(model, 4, optimizer, scheduler, epoch=0.5, steps_per_epoch=(8, 8), max_steps=8)


def named(outcome: Outcome) -> list[str]:
    """What is not as it was."""
    found: Any = outcome.evidence.get("differences", {})
    return list(found)


def test_plain_loop_goes_on() -> None:
    """Optimizer and schedule count four steps; what was not given is said."""
    outcome = check_resumption(stopped())

    assert outcome.status == "passed"
    assert "not compared: the files of the checkpoint" in outcome.message
    assert "no guard watched" in outcome.message


def test_fresh_optimizer_and_schedule_are_found() -> None:
    """A loop that restored its weights alone."""
    run = dataclasses.replace(stopped(steps=0), epoch=1.0, steps_per_epoch=(4, 4))
    outcome = check_resumption(run)

    assert named(outcome) == ["state of the optimizer", "steps of the schedule"]
    assert "Where: step 4." in outcome.message


@pytest.mark.parametrize(("kind", "options"), [(torch.optim.SGD, {"momentum": 0.9}), (torch.optim.RMSprop, {})])
def test_lost_state_of_other_optimizers_is_found(kind: Any, options: dict[str, Any]) -> None:  # noqa: ANN401
    """Momentum, and squares."""
    assert "state of the optimizer" in named(check_resumption(stopped(kind, steps=0, **options)))


def test_optimizer_without_a_state_is_passed_over() -> None:
    """Plain SGD keeps none."""
    optimizer = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1)
    outcome = check_resumption(dataclasses.replace(stopped(), optimizer=optimizer, scheduler=None))

    assert outcome.status == "passed"
    assert "the optimizer, as SGD may keep no state" in outcome.message


def test_optimizer_without_a_count_is_passed_over() -> None:
    """Momentum alone does not count."""
    assert "as SGD does not count them" in check_resumption(stopped(torch.optim.SGD, momentum=0.9)).message


@pytest.mark.parametrize("optimizer", [None, SimpleNamespace(param_groups=[])])
def test_optimizer_that_cannot_be_seen_is_passed_over(optimizer: Any) -> None:  # noqa: ANN401
    """None, or one in a wrapper without a state."""
    run = dataclasses.replace(stopped(), optimizer=optimizer)

    assert "whose state cannot be seen" in check_resumption(run).message


@pytest.mark.parametrize(("steps", "scaled", "found"), [(3, False, True), (3, True, False), (5, True, True)])
def test_scaler_skips_steps(steps: int, scaled: bool, found: bool) -> None:  # noqa: FBT001
    """Under a scaler optimizer and schedule may count fewer steps than the run, never more."""
    run = dataclasses.replace(stopped(steps=steps), scaled=scaled, arguments=LIKE_TRAINER)

    assert (named(check_resumption(run)) == ["steps of the optimizer", "steps of the schedule"]) == found


@pytest.mark.parametrize(
    ("epoch", "count", "said"),
    [(2.0, 2, "counts whole epochs: 2"), (0.5, 0, "whole epochs: 0"), (0.5, 2, "neither"), (None, 2, "neither")],
)
def test_schedule_of_a_loop_may_count_epochs(epoch: float | None, count: int, said: str) -> None:
    """Plain loops step it once an epoch; Trainer does not."""
    run = dataclasses.replace(stopped(), epoch=epoch, steps_per_epoch=(2, 2) if epoch == 2 else (8, 8))
    run.scheduler.last_epoch = count
    strict = check_resumption(dataclasses.replace(run, arguments=LIKE_TRAINER))

    assert said in check_resumption(run).message
    assert "steps of the schedule" in named(strict)


@pytest.mark.parametrize("name", ["ReduceLROnPlateau", "AcceleratedScheduler"])
def test_schedule_that_counts_otherwise_is_passed_over(name: str) -> None:
    """Evaluations, or one step for each process."""
    run = dataclasses.replace(stopped(), scheduler=type(name, (), {"last_epoch": 99})())

    assert f"the schedule, as {name} counts no steps" in check_resumption(run).message


def test_schedule_without_lambdas_is_passed_over() -> None:
    """Its count is compared, its rates are not."""
    run = stopped()
    scheduler = torch.optim.lr_scheduler.ConstantLR(run.optimizer, 1.0)
    scheduler.last_epoch = 4

    assert (
        "ConstantLR cannot be computed ahead" in check_resumption(dataclasses.replace(run, scheduler=scheduler)).message
    )


def stretched(run: Resumed, line: int, **options: Any) -> Resumed:  # noqa: ANN401
    """The same run with a schedule of another length, as a second call makes it."""
    run.scheduler.lr_lambdas = [lambda step: max(1 - step / line, 0.0)]
    return dataclasses.replace(run, max_steps=line, **options)


def test_stretched_schedule_is_found() -> None:
    """The rate that was restored is not the one that the schedule has at this step."""
    assert named(check_resumption(stretched(stopped(), 16))) == ["learning rate at this step"]


def test_stretched_schedule_is_named_by_its_length() -> None:
    """Where the checkpoint says how long the run was to be."""
    outcome = check_resumption(stretched(stopped(), 16, before={"max_steps": 8}))

    assert named(outcome) == ["max_steps"]
    assert "the learning rate leaps from 0.05 to 0.075" in outcome.message


@pytest.mark.parametrize("before", [{"max_steps": 4}, {}], ids=["it says so", "its rate is 0"])
def test_finished_run_is_stretched_on_purpose(before: dict[str, Any]) -> None:
    """The rate leaps; that is said."""
    outcome = check_resumption(stretched(stopped(line=4), 16, before=before))

    assert outcome.status == "passed"
    assert "a run that had ended goes on" in outcome.message


@pytest.mark.parametrize(("later", "found"), [(1.0, False), (0.5, True)])
def test_length_is_found_where_the_rate_will_depend_on_it(later: float, found: bool) -> None:  # noqa: FBT001
    """In a warm-up, or on a plateau before a fall, the rate is still the same."""
    run = stopped()
    run.scheduler.lr_lambdas = [lambda step: 0.5 if step < 10 else 0.5 * later]
    outcome = check_resumption(dataclasses.replace(run, max_steps=16, before={"max_steps": 8}))

    assert (named(outcome) == ["max_steps"]) == found
    assert ("the learning rate stays constant" in outcome.message) != found


def test_place_in_the_data_is_found() -> None:
    """Half an epoch of eight batches is not four steps of twelve."""
    run = dataclasses.replace(stopped(), steps_per_epoch=(12, 12))

    assert named(check_resumption(run)) == ["epochs at this step"]


CUT = {"rows": 57, "rows_per_step": 16, "steps_per_epoch": 4}


@pytest.mark.parametrize(("change", "found"), [({}, False), ({"rows": 64}, True)])
def test_same_rows_and_steps_are_the_same_place(change: dict[str, int], found: bool) -> None:  # noqa: FBT001
    """However they are cut into micro-batches: 57 rows are 8 batches of 8, and 4 of 16."""
    run = dataclasses.replace(
        stopped(), global_step=1, epoch=0.25, steps_per_epoch=(4, 15), before=CUT | change, now=CUT
    )

    assert ("epochs at this step" in named(check_resumption(run))) == found


@pytest.mark.parametrize(
    ("then", "epoch", "drop", "found"),
    [(16, 0.25, False, False), (8, 0.25, False, False), (4, 4 / 15, False, False), (16, 1 / 3, True, False),
     (16, 0.2, False, True), (7, 0.25, False, True), (None, 0.25, False, True)],
)  # fmt: skip
def test_unwatched_run_may_cut_its_batches_otherwise(
    tmp_path: Path,
    then: int | None,
    epoch: float,
    drop: bool,  # noqa: FBT001
    found: bool,  # noqa: FBT001
) -> None:
    """The state on disk says how many rows it took at once; now it is four."""
    (tmp_path / "trainer_state.json").write_text(json.dumps({"train_batch_size": then}))
    arguments = SimpleNamespace(train_batch_size=4, gradient_accumulation_steps=4, dataloader_drop_last=drop)
    options: dict[str, Any] = {"global_step": 1, "epoch": epoch, "steps_per_epoch": (4, 15), "now": CUT}
    run = dataclasses.replace(stopped(), checkpoint=tmp_path, arguments=arguments, **options)

    assert ("epochs at this step" in named(check_resumption(run))) == found


def test_whole_epoch_needs_no_skipping() -> None:
    """``ignore_data_skip`` at the end of an epoch is harmless; in its middle it is found."""
    options = SimpleNamespace(ignore_data_skip=True)
    run = dataclasses.replace(stopped(), arguments=options)

    assert named(check_resumption(run)) == ["ignore_data_skip"]
    assert named(check_resumption(dataclasses.replace(run, epoch=1.0, steps_per_epoch=(4, 4)))) == []


def test_place_that_cannot_be_seen_is_passed_over() -> None:
    """A stream has no epochs."""
    assert "the place in the data" in check_resumption(dataclasses.replace(stopped(), epoch=None)).message


@pytest.mark.parametrize("folder", [None, "nowhere"])
def test_run_that_begins_is_skipped(tmp_path: Path, folder: str | None) -> None:
    """Nothing was resumed, and nothing lies there that should have been."""
    arguments = SimpleNamespace(output_dir=folder and str(tmp_path / folder))
    run = Resumed(support.tiny_model(), 0, stopped(steps=0).optimizer, arguments=arguments)

    assert "begins at step 0" in check_resumption(run).reason


def test_run_that_begins_with_an_optimizer_is_skipped(tmp_path: Path) -> None:
    """A second ``train()`` of the same trainer goes on with it."""
    run = Resumed(support.tiny_model(), 0, stopped().optimizer, arguments=SimpleNamespace(output_dir=str(tmp_path)))

    assert check_resumption(run).status == "skipped"


def test_length_is_read_from_the_checkpoint(tmp_path: Path) -> None:
    """Without a record the state on disk says how long the run was to be."""
    (tmp_path / "trainer_state.json").write_text(json.dumps({"max_steps": 4}))
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (tmp_path / name).touch()

    assert check_resumption(stretched(stopped(line=4), 16, checkpoint=tmp_path)).status == "passed"
