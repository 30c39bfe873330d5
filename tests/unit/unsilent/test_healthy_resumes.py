"""Runs of every kind that go on where they stopped: nothing is found, whatever optimizer, schedule, adapter or rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import support
import torch
import trainers

from unsilent import TrainingGuard

HEALTHY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cosine": ({"lr_scheduler_type": "cosine"}, {}),
    "restarts": ({"lr_scheduler_type": "cosine_with_restarts", "warmup_steps": 0}, {}),
    "constant": ({"lr_scheduler_type": "constant", "warmup_steps": 0}, {}),
    "bf16": ({"bf16": True}, {}),
    "fp32": ({"gradient_accumulation_steps": 1}, {}),
    "SGD": ({"optim": "sgd"}, {}),
    "SGD with momentum": ({"optim": "sgd", "optim_args": "momentum=0.9"}, {}),
    "Adafactor": ({"optim": "adafactor"}, {}),
    "several epochs": ({"gradient_accumulation_steps": 3, "max_steps": 14, "save_steps": 10}, {}),
    "DoRA": ({}, {"use_dora": True}),
    "modules saved whole": ({}, {"modules_to_save": ["norm"]}),
}


@pytest.mark.no_cover
@pytest.mark.parametrize(("options", "adapter"), HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_resumes(tmp_path: Path, options: dict[str, Any], adapter: dict[str, Any]) -> None:
    """Optimizers without a step count or without a state, schedules that come back, adapters of every kind."""
    stopped = trainers.stop_halfway(tmp_path, trainers.dropping_adapter(**adapter), **options)
    checkpoint = stopped.with_name(f"checkpoint-{options.get('save_steps', 4)}")
    report = trainers.go_on(checkpoint, trainers.dropping_adapter(**adapter), **options).guard.report

    assert report.findings == []
    assert "resume-mismatch" not in trainers.unseen(report)


class Stream(torch.utils.data.IterableDataset[Any]):
    """Rows in the order in which they come, with a length or without."""

    def __iter__(self) -> Iterator[Any]:
        """From the beginning."""
        return iter(trainers.counting_rows())


class Counted(Stream):
    """A stream that knows its length."""

    def __len__(self) -> int:
        """Of all rows."""
        return 64


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", [Stream, Counted])
def test_stream_goes_on(tmp_path: Path, kind: type[Stream]) -> None:
    """Its rows cannot be asked for."""
    checkpoint = trainers.stop_halfway(tmp_path, rows=kind())

    assert trainers.go_on(checkpoint, rows=kind()).guard.report.findings == []


@pytest.mark.no_cover
def test_trl_goes_on(tmp_path: Path) -> None:
    """TRL's trainer, with rows that it prepares itself."""
    from peft import LoraConfig, get_peft_model

    options: dict[str, Any] = {"max_steps": 4, "save_steps": 2, "save_strategy": "steps", "learning_rate": 1e-3}
    config = LoraConfig(r=4, task_type="CAUSAL_LM", target_modules="all-linear")
    first, second = (
        trainers.sft_trainer(trainers.texts(), tmp_path, get_peft_model(support.tiny_model(), config), **options)
        for _ in range(2)
    )
    trainers.guarded(first)
    guard = TrainingGuard().attach(second)
    second.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))

    assert guard.report.findings == []
