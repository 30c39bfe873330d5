"""Statements give names their values, in branches, loops and handlers."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "assertion": (
        "def load():\n    assert ask()\n    return 1\n",
        ["1?"],
    ),
    "exit": (
        "def load():\n    if ask():\n        import sys; sys.exit(1)\n    return 1\n",
        ["1?"],
    ),
    "an assertion that fails": ("def load():\n    if ask(): return 1\n    assert False\n    return 2", ["1?"]),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """After a statement a name stands for what it may stand for."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
