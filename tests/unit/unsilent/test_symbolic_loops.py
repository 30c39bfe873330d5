"""Known lists are gone through, others once."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "left at the first that fits": (
        "def load():\n    for x in ['a', 'b']:\n        if x == 'b':\n            break\n    else:\n        x = 'c'\n    return x\n",
        ["'b'"],
    ),
    "ladder": (
        "def load():\n    found = 'none'\n    for name, ok in [('a', ask()), ('b', True), ('c', True)]:\n        if ok:\n            found = name\n            break\n    return found\n",
        ["'a'?", "'b'?"],
    ),
    "ladder of one condition in two": (
        "def load():\n    x = 0\n    for n in ['a', 'b']:\n        if ask():\n            x = n\n            break\n        if ask():\n            break\n    else:\n        x = 'c'\n    return x\n",
        ["'c'", "'a'?", "0", "'b'?"],
    ),
    "counted": (
        "def load():\n    k = n = m = 0\n    for x in ask():\n        k += 1\n        n += x\n        if x:\n            m += 1\n    return [k, n, m]\n",
        ["[0 | (+)?, 0 | (+)?, 0 | (+)?]"],
    ),
    "filled by index": (
        "def load():\n    n = len(ask())\n    x = [0.0] * n\n    y = [0.0] * n\n    z = [0.0] * n\n    for i in range(n):\n        x[i] = 'a'\n        if ask():\n            y[i] = 'a'\n    for i in range(ask()):\n        z[i] = 'a'\n    return [x, y, z]\n",
        ["[['a', ...], [0.0, 'a'?, ...], [0.0, 'a'?, ...]]"],
    ),
    "filled by count": (
        "def load():\n    x = [0.0] * len([ask()])\n    for i, q in enumerate([ask()]):\n        x[i] = 'a'\n    y = [0.0] * len(ask())\n    y[ask()] = 'b'\n    return [x, y]\n",
        ["[['a', ...], [0.0, 'b', ...]]"],
    ),
    "loop over known": (
        "def load():\n    s = ''\n    for c in ('a', 'b'): s += c\n    return s\n",
        ["'ab'"],
    ),
    "loop over unknown": (
        "def load():\n    s = 'x'\n    for c in ask(): s = c\n    return s\n",
        ["'x'", "Part None?"],
    ),
    "break and else": (
        "def load():\n    for c in ask():\n        if c: break\n    else: return 1\n    return 2\n",
        ["1", "2"],
    ),
    "return in a loop": (
        "def load():\n    for c in (1, 2): return c\n",
        ["1"],
    ),
    "while": (
        "def load():\n    x = 1\n    while ask(): x = 2\n    return x\n",
        ["1", "2?"],
    ),
    "while false": (
        "def load():\n    x = 1\n    while False: x = 2\n    return x\n",
        ["1"],
    ),
    "continue": (
        "def load():\n    x = []\n    for i in (1, 2):\n        if ask(): continue\n        x.append(i)\n    return x\n",
        ["[1?, 2?]"],
    ),
    "with": (
        "def load():\n    with ask() as x: return x\n",
        ["peft.ask()"],
    ),
    "with of ours": (
        "class C:\n    def __enter__(self): return 7\ndef load():\n    with C() as x: y = x\n    return y\n",
        ["7"],
    ),
    "with a generator": (
        "from contextlib import contextmanager\n@contextmanager\ndef c():\n    yield 8\ndef load():\n    with c() as x: y = x\n    return y\n",
        ["8"],
    ),
    "suppress": (
        "from contextlib import suppress\ndef load():\n    with suppress(ValueError): return 1\n    return 2\n",
        ["1", "2"],
    ),
    "break without a loop": ("def load():\n    if ask(): break\n    return 1", ["1?"]),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """After a loop a name stands for what it may stand for."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
