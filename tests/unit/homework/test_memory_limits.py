"""A device that runs full gets fewer rows at once, and the run is the one that was planned so from the start."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import support
import torch
from transformers import Trainer

from homework.adapter_files import read_manifest
from homework.batching import BatchPlan
from homework.errors import DeviceTooSmall
from homework.lora import add_adapter
from homework.memory_limits import Start, fewer_rows, is_out_of_memory

FULL = "CUDA out of memory. Tried to allocate 2.00 GiB.\nMore words."
PLAN = BatchPlan(8, 4, "up to 8 rows")
OPTIONS = {"epochs": 4, "max_steps": 6}


def full_above(rows: int, monkeypatch: pytest.MonkeyPatch, *, from_step: int = 0) -> list[int]:
    """Every micro-batch of more rows runs out of memory, from a step on; the sizes that were tried are returned."""
    step: Callable[..., Any] = Trainer.training_step
    tried: list[int] = []

    def limited(self: Any, model: Any, inputs: Any, *rest: Any) -> Any:  # noqa: ANN401
        tried.append(len(inputs["input_ids"]))
        loss = step(self, model, inputs, *rest)  # the device runs full with gradients half made
        if tried[-1] > rows and self.state.global_step >= from_step:
            raise torch.OutOfMemoryError(FULL)
        return loss

    monkeypatch.setattr(Trainer, "training_step", limited)
    return tried


@pytest.mark.no_cover
@pytest.mark.parametrize("from_step", [0, 3], ids=["at once", "in the fourth step"])
def test_halved_run_is_the_run_planned_so(
    from_step: int, tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice halved on the way, the run ends bit for bit where one planned with two rows at once does."""
    planned = support.train_tiny(tiny_base, tmp_path / "planned", micro_batch_size=2, **OPTIONS)
    tried = full_above(2, monkeypatch, from_step=from_step)
    halved = support.train_tiny(tiny_base, tmp_path / "halved", micro_batch_size=8, **OPTIONS)
    one, two = ((tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("planned", "halved"))

    assert tried[0] == 8
    assert {4, 2} < set(tried)
    assert halved.log == planned.log
    assert one == two


@pytest.mark.no_cover
def test_halving_is_said_and_stored(
    tiny_base: Path,
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The console says it when it happens; the manifest holds the plan that was trained, and why."""
    full_above(4, monkeypatch)
    support.train_tiny(tiny_base, tmp_path / "out", micro_batch_size=8, **OPTIONS)
    batch = read_manifest(tmp_path / "out")["batch"]

    assert "8 rows at once ran out of memory; 4 rows x 2 = 8 a step, from the start" in capsys.readouterr().out
    assert (batch["micro_batch_size"], batch["accumulation_steps"]) == (4, 2)
    assert batch["reason"].endswith("8 rows at once ran out of memory; 4 rows x 2 = 8 a step")


def test_other_errors_pass(tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not about memory is not tried again."""

    def broken(*_: object) -> None:
        message = "mat1 and mat2 shapes cannot be multiplied"
        raise RuntimeError(message)

    monkeypatch.setattr(Trainer, "training_step", broken)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        support.train_tiny(tiny_base, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_one_row_that_does_not_fit_is_an_error(
    tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one row at a time the cure is said, with what the device said, and nothing is saved."""
    full_above(0, monkeypatch)
    with pytest.raises(
        DeviceTooSmall, match=r"Where: a micro-batch of 1 row\(s\); the device said: CUDA out of memory"
    ):
        support.train_tiny(tiny_base, tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("size", "steps", "expected"), [(8, 4, (4, 8)), (9, 1, (3, 3)), (7, 2, (1, 14)), (2, 1, (1, 2))]
)
def test_effective_batch_is_kept(size: int, steps: int, expected: tuple[int, int]) -> None:
    """The next smaller divisor of the micro-batch is taken, so that accumulation makes up for it exactly."""
    plan = fewer_rows(BatchPlan(size, steps, "planned"), FULL)

    assert (plan.micro_batch_size, plan.accumulation_steps) == expected
    assert plan.effective_batch == size * steps


def test_several_processes_are_told_what_to_set() -> None:
    """One process of several cannot begin anew alone: the error says which variable makes all fit."""
    with pytest.raises(DeviceTooSmall, match=r"set --micro_batch_size 4 .* the effective batch stays 64"):
        fewer_rows(dataclasses.replace(PLAN, processes=2), FULL)


def test_error_without_words_can_be_told() -> None:
    """An error that says nothing still gives a sentence."""
    with pytest.raises(DeviceTooSmall, match=r"on each of 2 devices .*the device said: \."):
        fewer_rows(dataclasses.replace(PLAN, processes=2), "")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError(""), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("expected scalar type Half"), False),
    ],
    ids=["torch", "driver", "cuBLAS", "CPU", "another"],
)
def test_memory_errors_are_told_from_others(error: RuntimeError, expected: bool) -> None:  # noqa: FBT001
    """By class, or by the words of those who raise something else."""
    assert is_out_of_memory(error) is expected


def test_start_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, gradients and random states, those of GPUs too, are as they were; the GPU's cache is emptied."""
    done: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: ["state"])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", done.append)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: done.append("emptied"))
    model = add_adapter(support.tiny_model(), 4)
    start, before = Start(model), {name: weight.clone() for name, weight in model.named_parameters()}
    expected = random.random(), torch.rand(1)
    for weight in model.parameters():
        weight.data += 0 if not weight.requires_grad else 1
        weight.grad = torch.ones_like(weight) if weight.requires_grad else None
    start.restore(model)

    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert all(weight.grad is None for weight in model.parameters())
    assert (random.random(), torch.rand(1)) == expected
    assert done == ["emptied", ["state"]]
