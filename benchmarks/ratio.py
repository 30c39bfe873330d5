"""Ratios measured in one run: both sides alternate, so that a busy machine slows both.

A figure without its circumstances is worth nothing: each is printed, and written to ``results/<device>.json``, with
the flags of both sides, every single measurement, the device, its driver, the versions, the commit and the date.
``tests/unit/test_results.py`` refuses a figure without them; ``table.py`` makes the README's tables of these files.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "peft", "accelerate", "trl")
NVIDIA = Path("/proc/driver/nvidia/version")
NO_DRIVER = "none (CPU)"
COMMIT_VARIABLE = "BENCHMARK_COMMIT"  # where the checkout is a copy without its history


def seconds(action: Callable[[], object]) -> float:
    """Time one call [s]; what it has queued on a GPU is waited for."""
    wait()
    started = time.perf_counter()
    action()
    wait()
    return time.perf_counter() - started


def wait() -> None:
    """Until the GPU has nothing left to do; nothing without one."""
    torch = sys.modules.get("torch")  # what needs no torch is timed without it
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def compare(sides: Mapping[str, Callable[[], object]], *, rounds: int, timer: Any = seconds) -> dict[str, list[float]]:  # noqa: ANN401 - any function from action to seconds
    """Time every side ``rounds`` times, in turn: A B A B, never A A B B."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, action in sides.items():
            times[name].append(timer(action))
    return times


def record(
    title: str,
    flags: Mapping[str, str],
    times: Mapping[str, list[float]],
    *,
    ours: str,
    measured: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, float]:
    """Print and store the ratio of each other side to ``ours``, medians of the same run.

    Args:
        title: What was measured; names the entry in the file.
        flags: For each side, dtype, stop rule, caps: all that a fair comparison needs.
        times: For each side, seconds of every round.
        ours: Name of our side.
        measured: For each side what else was measured, ``tokens_per_second`` or ``peak_memory_bytes``.
    """
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {name: medians[name] / medians[ours] for name in times if name != ours}
    print(f"\n{title}")
    for name, median in medians.items():
        ratio = f"{ratios[name]:.2f} times ours" if name in ratios else "ours"
        print(f"  {name:<34}{median:8.3f} s  {ratio:<18} {flags[name]}")
        for what, value in (measured or {}).get(name, {}).items():
            print(f"  {'':<34}{value:,.0f} {what.replace('_', ' ')}")
    entry = {
        **circumstances(),
        "flags": dict(flags),
        "seconds": {name: [round(value, 4) for value in values] for name, values in times.items()},
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        **({"measured": {name: dict(found) for name, found in measured.items()}} if measured else {}),
    }
    if missing := missing_fields(entry):
        sys.exit(f"Not stored: {title} lacks {', '.join(missing)}. Without git set {COMMIT_VARIABLE} to the commit.")
    path = RESULTS / f"{device_name()}.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**results, title: entry}, indent=1, sort_keys=True) + "\n")
    return ratios


def circumstances() -> dict[str, object]:
    """Device, driver, versions, commit and date: without them no figure is worth anything."""
    return {
        "device": device(),
        "driver": driver(),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def missing_fields(entry: Mapping[str, Any]) -> list[str]:
    """What a stored figure lacks: device with name, driver, versions of Python and torch, commit, date, flags."""
    named, versions = entry.get("device") or {}, entry.get("versions") or {}
    there = {
        "device.kind": named.get("kind") in {"cpu", "cuda"},
        "device.name": bool(named.get("name")),
        "device.memory_bytes": "memory_bytes" in named and (named.get("kind") != "cuda" or named["memory_bytes"] > 0),
        "driver": bool(entry.get("driver")) and (entry["driver"] == NO_DRIVER) == (named.get("kind") == "cpu"),
        "versions.python": bool(re.match(r"3\.\d+", str(versions.get("python", "")))),
        "versions.torch": bool(re.match(r"\d+\.\d+", str(versions.get("torch", "")))),
        "commit": bool(re.fullmatch(r"[0-9a-f]{7,40}", str(entry.get("commit", "")))),
        "date": bool(re.fullmatch(r"\d{4}-\d\d-\d\d|not recorded", str(entry.get("date", "")))),
    }
    return [name for name, is_there in there.items() if not is_there]


def device() -> dict[str, object]:
    """Kind, name and memory of what the figures are of: the GPU where there is one."""
    import torch

    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        return {"kind": "cuda", "name": found.name, "memory_bytes": found.total_memory}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"kind": "cpu", "name": _processor(), "memory_bytes": memory}


def driver() -> str:
    """The CUDA runtime that torch was built with, and the driver under it; ``none (CPU)`` without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return NO_DRIVER
    text = NVIDIA.read_text() if NVIDIA.exists() else ""
    found = re.search(r"Kernel Module.*?\s(\d+\.[\d.]+)\s", text)
    version = found[1] if found else _asked_driver()
    return f"CUDA {torch.version.cuda}, driver {version}"


def _asked_driver() -> str:
    """The driver's version by NVIDIA's own program, where a container does not show the kernel's file."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "unknown"
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return (done.stdout.split() or ["unknown"])[0]


def device_name() -> str:
    """``cpu``, or the GPU's name in lower case with dashes."""
    import torch

    return torch.cuda.get_device_name().lower().replace(" ", "-") if torch.cuda.is_available() else "cpu"


def machine() -> str:
    """Processor, threads and Python in one line."""
    return f"{_processor()}, Python {platform.python_version()}"


def _processor() -> str:
    """Model, threads that torch uses, and its bf16 units."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    if hasattr(torch.cpu, "get_capabilities"):
        bf16 = " ".join(name for name, found in torch.cpu.get_capabilities().items() if found and "bf16" in name)
    else:  # torch before 2.13
        from homework.devices import describe_device

        bf16 = "bf16" if describe_device(torch.device("cpu")).has_bf16 else ""
    return f"{model}, {torch.get_num_threads()} threads, {bf16 or 'no bf16'}"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    if told := os.environ.get(COMMIT_VARIABLE):
        return told
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        cwd=RESULTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
