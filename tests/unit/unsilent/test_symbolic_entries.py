"""Entries of dicts, lists and what inherits from them."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "elements of objects": (
        "class C:\n    def __iter__(self):\n        yield 1\nclass F:\n    def __init__(self):\n        self.append('a')\ndef load():\n    return [next(C()), [x for x in F()]]\n",
        "[1, ['a'?, ...]]",
    ),
    "slices": (
        "[[1, 2, 3][1:], [1, 2][::0], [ask(), 2][1:], 'abc'[1:], 'abc'[-1], 'abc'[ask():], [1][ask()], [1, 2][ask():], ''[ask()]]",
        "[[2, 3], [1, 2, ...], [peft.ask(), 2, ...], 'bc', 'c', Part None, 1, [1, 2, ...], Part None]",
    ),
    "nothing there": (
        "[[][0], [][ask()]]",
        "[, Part None]",
    ),
    "rows in stars": (
        "def f(a, b):\n    return [a, b]\ndef load():\n    pair = (1, 2) if ask() else (3, 4)\n    return f(*pair)\n",
        "[1? | 3?, 2? | 4?]",
    ),
    "named tuple in a star": (
        "from typing import NamedTuple\nclass T(NamedTuple):\n    a: int\n    b: int = 2\ndef load():\n    return [*T(1)]\n",
        "[1, 2]",
    ),
    "pairs that are kept apart": (
        "def load():\n    d = {'a': 1, 'b': 2}\n    d[ask()] = 3\n    return {k: [v] for k, v in d.items()}\n",
        "{'a': [1]?, 'b': [2]?, ...}",
    ),
    "own iteration": (
        "class C:\n    def __iter__(self):\n        yield 'a', 1\n        yield 'b', 2\ndef load():\n    return [{k: v for k, v in C()}, [x for x in [*[ask()], *ask()]]]\n",
        "[{'a': 1?, 'b': 2?}, [peft.ask()? | Part None?, ...]]",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: str) -> None:
    """As far as they are known."""
    assert " | ".join(snippets.told(snippets.value_of(tmp_path, code))) == expected
