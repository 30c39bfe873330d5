"""A record of the run that stopped is compared with the run that goes on: a guard's, else Trainer's own arguments."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import TrainingArguments

from unsilent.resumed_files import Difference
from unsilent.resumed_records import Findings, Resumed, compare_record


def stopped(**options: Any) -> Resumed:  # noqa: ANN401
    """A run after four steps, about to go on."""
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(4):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    known: dict[str, Any] = {"model": model, "global_step": 4, "optimizer": optimizer} | options
    return Resumed(**known)


def named(run: Resumed, already: list[Difference] | None = None) -> list[str]:
    """What the record says is not as it was."""
    found = Findings(list(already or []))
    compare_record(run, found)
    return [one.what for one in found.differences]


def test_record_is_compared() -> None:
    """Seeds, and settings of the adapter; a name that nothing follows from is none."""
    before = {"seed": 1, "adapter": {"r": 4}, "colour": "red"}
    now = {"seed": 2, "adapter": {"r": 8}, "colour": "blue"}

    assert named(stopped(before=before, now=now)) == ["adapter.r", "seed"]


@pytest.mark.parametrize(("step", "found"), [(4, ["trained weights"]), (2, [])])
def test_weights_are_compared_at_their_own_step(step: int, found: list[str]) -> None:
    """A hash that was kept at another save says nothing of this one."""
    run = stopped(before={"weights_step": step, "weights": "0" * 16})

    assert named(run) == found


def test_moments_are_compared() -> None:
    """As many steps of another run; an optimizer that has none is named once."""
    before = {"weights_step": 4, "moments": "0" * 16}

    assert named(stopped(before=before)) == ["moments of the optimizer"]
    already = [Difference("state of the optimizer", "4 steps", "empty", "")]
    assert "moments of the optimizer" not in named(stopped(before=before), already)


def test_weights_and_moments_that_cannot_be_seen_are_passed_over() -> None:
    """Shards are elsewhere: no hash is not another hash."""
    before = {"weights_step": 4, "moments": "0" * 16, "weights": "0" * 16}
    run = stopped(before=before, model=SimpleNamespace(parameters=list), optimizer=None)

    assert named(run) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [({}, []), ({"collated": "b"}, ["collated", "collator"]),
     ({"rows_hash": "b", "collated": "b"}, ["collator", "rows_hash"])],
    ids=["the same batch", "another batch", "other rows"],
)  # fmt: skip
def test_collator_is_known_by_its_batch(change: dict[str, str], found: list[str]) -> None:
    """Another name is none where the batch is the same; other rows make other batches."""
    before = {"collator": "one", "collated": "a", "rows_hash": "a"}
    run = stopped(before=before, now=before | {"collator": "two"} | change)

    assert named(run) == found


def test_collator_without_a_known_batch_goes_by_its_name() -> None:
    """One that draws."""
    run = stopped(before={"collator": "one", "collated": "a"}, now={"collator": "two"})

    assert named(run) == ["collator"]


ONE = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}, []),
        ({"per_device_train_batch_size": 8}, ["rows_per_step"]),
        ({"seed": 7, "weight_decay": 0.1}, ["data_seed", "seed", "weight_decay"]),
    ],
    ids=["the same", "cut otherwise", "more rows", "options"],
)
def test_arguments_stand_in_for_a_record(tmp_path: Path, change: dict[str, Any], found: list[str]) -> None:
    """Those that Trainer has left in the checkpoint."""
    then = TrainingArguments(output_dir="out", use_cpu=True, **ONE)
    torch.save(then, tmp_path / "training_args.bin")
    now = TrainingArguments(output_dir="out", use_cpu=True, **{**ONE, **change})
    described = {"rows_per_step": now.train_batch_size * now.gradient_accumulation_steps}
    described |= {name: getattr(now, name) for name in ("seed", "weight_decay")} | {"data_seed": now.seed}
    run = stopped(checkpoint=tmp_path, arguments=now, now=described)

    assert named(run) == found


def test_arguments_that_say_little_are_passed_over(tmp_path: Path) -> None:
    """No batch plan, and numbers of another kind."""
    torch.save(SimpleNamespace(seed=1), tmp_path / "training_args.bin")
    run = stopped(checkpoint=tmp_path, arguments=SimpleNamespace(**ONE), now={"seed": 1, "rows_per_step": 8})

    assert named(run) == []


def test_nothing_is_known_without_a_checkpoint() -> None:
    """That is said."""
    compare_record(stopped(), found := Findings())

    assert found.unknown == ["seeds, rows, base and precision, as no guard watched the run that stopped"]
