"""Branches are decided where they can be, and joined where not."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "branches": (
        "def load():\n    x = 0\n    if ask(): x = 1\n    return x\n",
        ["1?", "0"],
    ),
    "decided branch": (
        "def load():\n    x = 0\n    if 1 > 2: x = 1\n    return x\n",
        ["0"],
    ),
    "narrowed": (
        "def load():\n    x = None if ask() else 'a'\n    if x is None: x = 'b'\n    return x\n",
        ["'b'?", "'a'?"],
    ),
    "both end": (
        "def load():\n    if ask(): return 1\n    else: return 2\n    return 3\n",
        ["1?", "2?"],
    ),
    "match": (
        "def load():\n    match ask():\n        case 1: return 'one'\n        case other: return other\n",
        ["'one'?", "peft.ask()?"],
    ),
    "open match": (
        "def load():\n    x = 0\n    match ask():\n        case [1, *rest]: x = rest\n    return x\n",
        ["[Part None, ...]?", "0"],
    ),
    "try": (
        "def load():\n    try: x = 1\n    except ValueError as e: x = 2\n    else: pass\n    finally: y = 3\n    return [x, y]\n",
        ["[1 | 2?, 3]"],
    ),
    "try that raises": (
        "def load():\n    try: raise ValueError\n    except ValueError: return 1\n",
        ["1?"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """After a branch a name stands for what each way leaves."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
