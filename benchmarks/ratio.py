"""Ratios measured in one run: both sides alternate, so that a busy machine slows both.

A figure without its circumstances is worth nothing: each is printed, and written to ``results/<device>.json``, with
the flags of both sides, every single measurement, the machine and the versions.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "peft", "accelerate", "trl")


def seconds(action: Callable[[], object]) -> float:
    """Time one call [s]."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def compare(sides: Mapping[str, Callable[[], object]], *, rounds: int, timer: Any = seconds) -> dict[str, list[float]]:  # noqa: ANN401 - any function from action to seconds
    """Time every side ``rounds`` times, in turn: A B A B, never A A B B."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, action in sides.items():
            times[name].append(timer(action))
    return times


def record(title: str, flags: Mapping[str, str], times: Mapping[str, list[float]], *, ours: str) -> dict[str, float]:
    """Print and store the ratio of each other side to ``ours``, medians of the same run.

    Args:
        title: What was measured; names the entry in the file.
        flags: For each side, dtype, stop rule, caps: all that a fair comparison needs.
        times: For each side, seconds of every round.
        ours: Name of our side.
    """
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {name: medians[name] / medians[ours] for name in times if name != ours}
    print(f"\n{title}")
    for name, median in medians.items():
        ratio = f"{ratios[name]:.2f} times ours" if name in ratios else "ours"
        print(f"  {name:<34}{median:8.3f} s  {ratio:<18} {flags[name]}")
    entry = {
        **circumstances(),
        "flags": dict(flags),
        "seconds": {name: [round(value, 4) for value in values] for name, values in times.items()},
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
    }
    path = RESULTS / f"{device_name()}.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**results, title: entry}, indent=1, sort_keys=True) + "\n")
    return ratios


def circumstances() -> dict[str, object]:
    """Machine, versions and commit: without them no figure is worth anything."""
    return {
        "machine": machine(),
        "versions": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def device_name() -> str:
    """``cpu``, or the GPU's name in lower case with dashes."""
    import torch

    return torch.cuda.get_device_name().lower().replace(" ", "-") if torch.cuda.is_available() else "cpu"


def machine() -> str:
    """Processor, threads and Python in one line."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    bf16 = [name for name, found in torch.cpu.get_capabilities().items() if found and "bf16" in name]
    return (
        f"{model}, {torch.get_num_threads()} threads, {' '.join(bf16) or 'no bf16'}, Python {platform.python_version()}"
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.strip()
