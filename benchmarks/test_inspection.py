"""What looking at an adapter costs, against the least that reading it costs: ratios of one run, files warm.

An adapter of 1 GB is written and removed again: LoRA of rank 64 on every linear layer of a Llama of width 8192, fp32 in
24 layers or bf16 in 48. The other side reads the same file with safetensors and asks ``isfinite().all()`` of every
tensor, and no more: no header is doubted, no norm computed, nothing hashed.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ratio import compare, record
from safetensors import safe_open
from safetensors.torch import save_file

from unsilent.adapters import inspect_adapter
from unsilent.manifest import sha256_of, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
RANK = 64
SHAPES = {  # (out, in) of the linear layers of a Llama of 70B
    "self_attn.q_proj": (8192, 8192), "self_attn.k_proj": (1024, 8192), "self_attn.v_proj": (1024, 8192),
    "self_attn.o_proj": (8192, 8192), "mlp.gate_proj": (28672, 8192), "mlp.up_proj": (28672, 8192),
    "mlp.down_proj": (8192, 28672),
}  # fmt: skip
LARGEST_MB = {"fp32": 28672 * RANK * 4 / 1e6, "bf16": 28672 * RANK * 2 / 1e6}
MANY = 1000
# Torch's own threads make the other side faster, up to twice on two cores; which of the two is meant is said each time.
ONE_THREAD = "safetensors and isfinite, 1 thread"
EVERY_THREAD = "safetensors and isfinite, all threads"
# What is wanted, as multiples of the other side.
WITHOUT_HASHING, WITH_HASHING, MEMORY_MB = 1.5, 2.2, 200
# VmHWM and not ru_maxrss, which a process inherits from the one that started it: beside a large pytest it never grows.
MEMORY = """
import pathlib, re, sys
import json, hashlib, numpy
from unsilent.adapters import inspect_adapter
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1000
before = peak()
findings = len(inspect_adapter(sys.argv[1]).findings) if sys.argv[2] == "inspect" else 0
whole = pathlib.Path(sys.argv[1], "adapter_model.safetensors").read_bytes() if sys.argv[2] == "whole" else b""
print(peak() - before, findings)
"""


def write_lora(folder: Path, dtype: torch.dtype, layers: int, rank: int, shapes: Mapping[str, tuple[int, int]]) -> Path:
    """Write an adapter of any size; its values are slices of one random block, which is all that reading needs."""
    folder.mkdir(parents=True)
    largest = max(max(shape) for shape in shapes.values()) * rank
    block = (torch.randn(largest + 10_000, generator=torch.Generator().manual_seed(0)) / 100).to(dtype)
    tensors = {}
    for layer in range(layers):
        for number, (name, (out, into)) in enumerate(shapes.items()):
            module = f"base_model.model.model.layers.{layer}.{name}"
            start = layer * 97 + number * 11
            tensors[f"{module}.lora_A.weight"] = block[start : start + rank * into].view(rank, into).clone()
            tensors[f"{module}.lora_B.weight"] = block[start + 1 : start + 1 + out * rank].view(out, rank).clone()
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "bias": "none",
        "target_modules": [name.rpartition(".")[2] for name in shapes], "base_model_name_or_path": "example/llama",
        "inference_mode": True, "init_lora_weights": True,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))
    return folder


def describe(folder: Path, dtype: str) -> None:
    """Write a manifest, so that every byte has to be hashed."""
    content: dict[str, object] = {
        "created": "2026-01-01T00:00:00.000000+00:00", "seed": 0, "versions": {}, "command": [], "git": None, "log": {},
        "base": {"name": "example/llama", "revision": None, "config_sha256": ""}, "lora": {}, "verdicts": [],
        "dtype": {"base": dtype, "adapter": dtype}, "precision": {"name": dtype, "reason": "a benchmark"},
        "data": {"sha256": ""},
    }  # fmt: skip
    write_manifest(folder, content)


def read_plainly(path: Path, threads: int, *, hashing: bool = False) -> None:
    """The other side: safetensors and one question about every tensor; its hash by hashlib, afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        _ask(path)
    finally:
        torch.set_num_threads(before)
    if hashing:
        sha256_of(path)


def _ask(path: Path) -> None:
    with safe_open(path, "pt") as file:
        assert all(bool(torch.isfinite(file.get_tensor(name)).all()) for name in file.keys())  # noqa: SIM118 - no mapping


@pytest.fixture(
    scope="module", params=[("fp32", torch.float32, 24), ("bf16", torch.bfloat16, 48)], ids=["fp32", "bf16"]
)
def gigabyte(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """One adapter of 1 GB at a time."""
    name, dtype, layers = request.param
    folder = write_lora(tmp_path_factory.mktemp("large") / "adapter", dtype, layers, RANK, SHAPES)
    yield name, folder
    shutil.rmtree(folder)


def inspect(folder: Path) -> None:
    """Ours, which must have judged it, and found nothing."""
    report = inspect_adapter(folder)
    assert (report.findings, report.exit_status()) == ([], 0)


def peak_memory(folder: Path, action: str) -> float:
    """Peak of a process that does nothing else, over its imports [MB]; ``whole`` reads the file, to test the meter."""
    command = [sys.executable, "-c", MEMORY, str(folder), action]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout.split()[0])


def say(wanted: float, times: Mapping[str, list[float]], ours: str, other: str) -> float:
    """Print the ratio that is wanted, round by round."""
    paired = statistics.median(one / two for one, two in zip(times[ours], times[other], strict=True))
    print(f"  {ours} over {other}, round by round: {paired:.2f}, {'within' if paired <= wanted else 'ABOVE'} {wanted}")
    return paired


def load_average() -> str:
    """How busy the machine was besides."""
    return f"load {os.getloadavg()[0]:.1f}"


@pytest.mark.parametrize("hashing", [False, True], ids=["no manifest", "manifest"])
def test_one_gigabyte(benchmark: Any, gigabyte: tuple[str, Path], hashing: bool) -> None:  # noqa: ANN401, FBT001
    """Seven rounds of both, in turn; then the memory of a process that does nothing else."""
    dtype, folder = gigabyte
    path = folder / "adapter_model.safetensors"
    (folder / "manifest.json").unlink(missing_ok=True)
    if hashing:
        describe(folder, dtype)
    sides: dict[str, Callable[[], object]] = {
        ONE_THREAD: functools.partial(read_plainly, path, 1),
        EVERY_THREAD: functools.partial(read_plainly, path, os.cpu_count() or 1),
        "inspect_adapter": functools.partial(inspect, folder),
    }
    if hashing:
        sides["safetensors, isfinite, sha256"] = functools.partial(read_plainly, path, 1, hashing=True)
    for action in sides.values():
        action()  # warm
    times = compare(sides, rounds=7)
    benchmark.pedantic(sides["inspect_adapter"], rounds=1)
    memory, whole = peak_memory(folder, "inspect"), peak_memory(folder, "whole")
    assert whole > 0.9 * path.stat().st_size / 1e6, f"the meter shows {whole:.0f} MB for a file read whole"
    size = f"{path.stat().st_size / 1e6:.0f} MB of {dtype}, {load_average()}"
    flags = dict.fromkeys(sides, size)
    flags["inspect_adapter"] = f"{size}, peak memory {memory:.0f} MB over imports"
    title = f"Inspecting an adapter of 1 GB in {dtype}, {'hashed' if hashing else 'not hashed'}"
    ratios = record(title, flags, times, ours=ONE_THREAD)
    limit = WITH_HASHING if hashing else WITHOUT_HASHING
    paired = {other: say(limit, times, "inspect_adapter", other) for other in (ONE_THREAD, EVERY_THREAD)}
    most = LARGEST_MB[dtype] + MEMORY_MB
    print(f"  peak memory {memory:.0f} MB over imports, {'within' if memory <= most else 'ABOVE'} {most:.0f}")
    benchmark.extra_info.update(ratios, paired=paired, memory_mb=memory)


def run(arguments: list[str], cores: set[int] | None = None) -> None:
    """Run Python to its end, on some cores only."""
    everywhere = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, cores or everywhere)  # inherited
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    finally:
        os.sched_setaffinity(0, everywhere)


def test_quick(benchmark: Any, gigabyte: tuple[str, Path], tmp_path: Path) -> None:  # noqa: ANN401
    """The whole process with ``--quick``, on 1 GB and on 2 MB, against Python that does nothing and one import."""
    dtype, folder = gigabyte
    small = write_lora(tmp_path / "small", torch.float32, 7, 8, {"self_attn.q_proj": (4096, 4096)})
    commands = {
        "python -c pass": ["-c", "pass"],
        "import numpy": ["-c", "import numpy"],
        "--quick, 1 GB": ["-m", "unsilent", "check", "adapter", str(folder), "--quick"],
        "--quick, 2 MB": ["-m", "unsilent", "check", "adapter", str(small), "--quick"],
    }
    sides = {name: functools.partial(run, arguments) for name, arguments in commands.items()}
    for action in sides.values():
        action()
    times = compare(sides, rounds=7)
    benchmark.pedantic(sides["--quick, 1 GB"], rounds=1)
    flags = dict.fromkeys(commands, f"whole process, warm files, {load_average()}")
    title = f"Inspecting with --quick, {dtype}"
    benchmark.extra_info.update(record(title, flags, times, ours="python -c pass"))


def test_thousand_adapters(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """One call for a thousand adapters of 2 MB, on every core and on one."""
    first = write_lora(tmp_path / "0", torch.float32, 7, 8, {"self_attn.q_proj": (4096, 4096)})
    for number in range(1, MANY):
        shutil.copytree(first, tmp_path / str(number))
    folders = [str(tmp_path / str(number)) for number in range(MANY)]
    command = ["-m", "unsilent", "check", "adapter", *folders]
    core = {min(os.sched_getaffinity(0))}
    sides = {
        "every core": functools.partial(run, command),
        "one core": functools.partial(run, command, core),
    }
    sides["every core"]()
    times = compare(sides, rounds=3)
    benchmark.pedantic(sides["every core"], rounds=1)
    flags = {
        "every core": f"{len(os.sched_getaffinity(0))} cores, whole process, warm files, {load_average()}",
        "one core": "the same, held on one core",
    }
    title = f"Inspecting {MANY} adapters of 2 MB in one call"
    benchmark.extra_info.update(record(title, flags, times, ours="every core"))
