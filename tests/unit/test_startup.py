"""What each command of the program imports: whoever asks for help, or judges a log, waits for nothing else.

Seconds are measured in ``benchmarks/test_startup.py``; here stands what they are made of. A module that a command comes
to load is to be added to its line, or, better, imported where it is used.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import support

ROOT = Path(__file__).parents[2]
# 50 ms and more each, but for typer, which every command needs, and numpy, which reading tensors does
HEAVY = (
    *("accelerate", "jinja2", "matplotlib", "numpy", "peft", "pytest", "rich", "safetensors", "tokenizers", "torch"),
    *("transformers", "typer", "unsilent.submission_code", "unsilent.gate"),
)
PROGRAM = f"""
import json, sys
from unsilent import cli
try:
    sys.exit(cli.main())
finally:
    print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)
"""


def loaded(*arguments: str) -> list[str]:
    """Heavy modules that are there when the program ends."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stderr.splitlines()[-1])
    return names


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["failures", "--json"],
        ["explain", "zero-loss"],
        ["explain", "loss 0.0 grad_norm nan"],
        ["gate", "--help"],
    ],
    ids=" ".join,
)
def test_words_need_nothing_but_the_command_line(arguments: list[str]) -> None:
    """Help, the catalogue and its pages."""
    assert loaded(*arguments) == ["typer"]


def test_log_is_judged_without_any_array(tmp_path: Path) -> None:
    """One pass over plain numbers."""
    lines = [{"loss": 4 - step / 30, "grad_norm": 1 + step % 3, "step": step} for step in range(1, 60)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))

    assert loaded("check", "run", str(tmp_path / "log.jsonl")) == ["typer"]


@pytest.mark.parametrize(
    ("options", "names"), [(["--quick"], ["typer"]), ([], ["numpy", "typer"])], ids=["quick", "whole"]
)
def test_adapter_is_inspected_without_torch(options: list[str], names: list[str], tmp_path: Path) -> None:
    """Its header by plain Python, its tensors by numpy."""
    support.write_adapter(tmp_path / "adapter")

    assert loaded("check", "adapter", str(tmp_path / "adapter"), *options) == names
