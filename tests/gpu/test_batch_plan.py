"""The batch plan holds on the device: it fits, a step has the rows that were meant, and running full has a way out."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import on_gpu
import pytest
import torch

from homework.batching import choose_batch

pytestmark = on_gpu.needs_gpu

PLANNED_SHARE = 0.6  # of the memory, as homework/batching.py plans


@pytest.fixture
def long_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows of nearly 128 tokens, which the plan is made for."""
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(on_gpu.write_long_rows(tmp_path / "long")))
    return tmp_path / "long"


@pytest.fixture
def _whole_memory() -> Iterator[None]:
    """Let the process have all memory again."""
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_planned_batch_fits(large_base: str, long_data: Path, tmp_path: Path) -> None:
    """The planned micro-batch in fp32: no out-of-memory, 32 rows a step, and the peak within the planned share."""
    plan = choose_batch(on_gpu.DEVICE)
    on_gpu.train(large_base, tmp_path / "sft", effective_batch=32, rank=16, epochs=1, max_steps=3, precision="fp32")
    manifest = on_gpu.manifest_of(tmp_path / "sft")
    peak = manifest["consumed"]["peak_memory_bytes"]
    total = torch.cuda.get_device_properties(on_gpu.DEVICE).total_memory if on_gpu.HAS_CUDA else peak / PLANNED_SHARE

    assert (manifest["batch"]["micro_batch_size"], manifest["batch"]["accumulation_steps"]) == (
        plan.micro_batch_size,
        plan.accumulation_steps,
    )
    assert plan.effective_batch == 32
    assert 0 < peak <= PLANNED_SHARE * total, f"{peak / 1e9:.2f} of {total / 1e9:.2f} GB"


@on_gpu.needs_cuda
@pytest.mark.usefixtures("_whole_memory")
def test_running_full_halves_the_micro_batch(
    large_base: str, long_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With three quarters of the memory that 32 rows took, the same run ends with fewer at once and says so."""
    options = {"effective_batch": 32, "micro_batch_size": 32, "epochs": 1, "max_steps": 3, "precision": "bf16"}
    on_gpu.train(large_base, tmp_path / "whole", **options)
    peak = on_gpu.manifest_of(tmp_path / "whole")["consumed"]["peak_memory_bytes"]
    total = torch.cuda.get_device_properties(on_gpu.DEVICE).total_memory
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.75 * peak / total)
    result, is_base_unchanged = on_gpu.train(large_base, tmp_path / "less", **options)
    batch = on_gpu.manifest_of(tmp_path / "less")["batch"]

    assert batch["micro_batch_size"] < 32
    assert batch["micro_batch_size"] * batch["accumulation_steps"] == 32
    assert "rows at once ran out of memory" in capsys.readouterr().out
    assert result.log[-1]["step"] == 3
    assert is_base_unchanged
