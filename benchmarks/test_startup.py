"""What a person waits for before anything happens: imports and --help, against bare Python in the same run."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

from ratio import compare, record

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import homework": ["-c", "import homework"],
    "import unsilent": ["-c", "import unsilent"],
    "python -m homework --help": ["-m", "homework", "--help"],
    "unsilent --help": ["-m", "unsilent", "--help"],
    "unsilent explain": ["-m", "unsilent", "explain", "loss 0.0 grad_norm nan"],
}


def test_startup(benchmark: Any) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """Seven rounds of every command, in turn."""

    def start(arguments: list[str]) -> None:
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)  # noqa: S603

    sides = {name: functools.partial(start, arguments) for name, arguments in COMMANDS.items()}
    for action in sides.values():
        action()  # bytecode is compiled once
    times = compare(sides, rounds=7)
    benchmark.pedantic(sides["import homework"], rounds=1)
    flags = dict.fromkeys(COMMANDS, "whole process, warm files")
    benchmark.extra_info.update(record("Start-up", flags, times, ours="python -c pass"))
