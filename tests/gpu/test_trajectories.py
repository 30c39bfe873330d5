"""Equal configurations give equal trajectories: however a step is cut, computed again, or shared by processes.

The differences that are allowed stand in ``tests/tolerances.py``, the only table of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import on_gpu
import pytest
from safetensors.torch import load_file
from tolerances import BOUNDS, gaps_between

if TYPE_CHECKING:
    import torch

pytestmark = on_gpu.needs_gpu

# Each against eight rows at once without checkpointing.
OTHERS: dict[str, dict[str, Any]] = {
    "one row eight times": {"micro_batch_size": 1},
    "two rows four times": {"micro_batch_size": 2},
    "with checkpointing": {"gradient_checkpointing": True},
}
OPTIONS = {"micro_batch_size": 8, "max_steps": 8, "epochs": 2, "rank": 4, "lr": 1e-2}


@pytest.mark.parametrize("precision", on_gpu.PRECISIONS)
def test_equal_configurations_learn_the_same(
    precision: str, tiny_base: Path, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight rows at once, one row eight times, and eight with checkpointing: the same losses and the same adapter."""
    options = OPTIONS | on_gpu.options_of(precision)
    first, _ = on_gpu.train(str(tiny_base), tmp_path / "first", **options)
    for name, change in OTHERS.items():
        other, _ = on_gpu.train(str(tiny_base), tmp_path / name, **options | change)
        losses = [record["loss"] for record in first.log], [record["loss"] for record in other.log]
        gaps = gaps_between(losses, (on_gpu.weights_of(tmp_path / "first"), on_gpu.weights_of(tmp_path / name)))
        with capsys.disabled():
            print(f"\n{precision}, {name}: {gaps}")

        assert gaps.within(BOUNDS[precision]), f"{name}: {gaps}, allowed {BOUNDS[precision]}"


def run_ranked(folder: Path, processes: int) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Train as so many processes; what rank 0 wrote."""
    folder.mkdir()
    script = str(on_gpu.ROOT / "tests" / "ranked_trajectory.py")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), script, str(folder)]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=one_thread)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "run.json").read_text()), load_file(folder / "adapter.safetensors")


def test_two_processes_learn_what_one_learns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The eight rows of a step shared by two processes, each with a GPU of its own."""
    if on_gpu.HAS_CUDA and on_gpu.GPUS < 2:
        pytest.skip("two processes need two GPUs, and this machine has one")
    (one, adapter_of_one), (two, adapter_of_two) = (run_ranked(tmp_path / str(count), count) for count in (1, 2))
    gaps = gaps_between((one["losses"], two["losses"]), (adapter_of_one, adapter_of_two))
    with capsys.disabled():
        print(f"\ntwo processes: {gaps}")

    assert (one["world"], two["world"], two["backend"]) == (1, 2, "nccl" if on_gpu.HAS_CUDA else "gloo")
    assert gaps.within(BOUNDS["tf32" if on_gpu.HAS_AMPERE else "fp32"]), gaps
