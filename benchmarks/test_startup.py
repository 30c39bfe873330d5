"""What a person waits for before anything happens: imports and --help, against bare Python in the same run."""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from ratio import compare, record
from test_growth import write_log
from test_inspection import write_lora

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import homework": ["-c", "import homework"],
    "import unsilent": ["-c", "import unsilent"],
    "python -m homework --help": ["-m", "homework", "--help"],
    "unsilent --help": ["-m", "unsilent", "--help"],
    "unsilent explain": ["-m", "unsilent", "explain", "loss 0.0 grad_norm nan"],
}


# The longest that anybody should wait before the work itself [s], whole process, on two cores of 2023.
WANTED = {
    "unsilent --help": 0.5,
    "unsilent explain": 0.5,
    "unsilent check run": 0.5,
    "unsilent check adapter --quick": 0.3,
}


def test_startup(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """Seven rounds of every command, in turn, on a log of 100 lines and an adapter of 2 MB."""
    log = write_log(tmp_path / "log.jsonl", 100)
    adapter = write_lora(tmp_path / "adapter", torch.float32, 7, 8, {"self_attn.q_proj": (4096, 4096)})
    commands = {
        **COMMANDS,
        "unsilent check run": ["-m", "unsilent", "check", "run", str(log)],
        "unsilent check adapter --quick": ["-m", "unsilent", "check", "adapter", str(adapter), "--quick"],
    }

    def start(arguments: list[str]) -> None:
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)  # noqa: S603

    sides = {name: functools.partial(start, arguments) for name, arguments in commands.items()}
    for action in sides.values():
        action()  # bytecode is compiled once
    times = compare(sides, rounds=7)
    benchmark.pedantic(sides["import homework"], rounds=1)
    flags = dict.fromkeys(commands, "whole process, warm files")
    benchmark.extra_info.update(record("Start-up", flags, times, ours="python -c pass"))
    for name, wanted in WANTED.items():
        median = statistics.median(times[name])
        print(f"  {name}: {median:.3f} s, {'within' if median <= wanted else 'ABOVE'} {wanted}")
