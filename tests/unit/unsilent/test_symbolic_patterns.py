"""Patterns fit, may fit, or do not, and give their names what they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "value": (
        "def load():\n    match 2:\n        case 1: return 'one'\n        case 2: return 'two'\n        case _: return 'other'\n    return 'none'\n",
        ["'two'"],
    ),
    "unknown value": (
        "def load():\n    match ask():\n        case 1: return 'one'\n        case 2: return 'two'\n    return 'none'\n",
        ["'one'?", "'two'?", "'none'?"],
    ),
    "one of": ("def load():\n    match 'b':\n        case 'a' | 'b': return 'found'\n    return 'none'\n", ["'found'"]),
    "perhaps one of": (
        "def load():\n    match ask():\n        case 1 | 2: return 'found'\n    return 'none'\n",
        ["'found'?", "'none'?"],
    ),
    "none of": ("def load():\n    match 'c':\n        case 'a' | 'b': return 'found'\n    return 'none'\n", ["'none'"]),
    "singleton": (
        "def load():\n    match None:\n        case True: return 1\n        case None: return 2\n    return 'none'\n",
        ["2"],
    ),
    "name": ("def load():\n    match 3:\n        case x: return [x]\n    return 'none'\n", ["[3]"]),
    "as": (
        "def load():\n    match [1, 2]:\n        case [a, b] as both: return [a, b, both]\n    return 'none'\n",
        ["[1, 2, [1, 2]]"],
    ),
    "star": (
        "def load():\n    match (1, 2, 3, 4):\n        case [a]: return 0\n        case [a, *rest, b]: return [a, rest, b]\n    return 'none'\n",
        ["[1, [2, 3], 4]"],
    ),
    "star without a name": (
        "def load():\n    match [1]:\n        case [_, *_]: return 'some'\n    return 'none'\n",
        ["'some'"],
    ),
    "too short a list": (
        "def load():\n    match []:\n        case [a, *rest]: return a\n    return 'none'\n",
        ["'none'"],
    ),
    "unknown list": (
        "def load():\n    match ask():\n        case [a, *rest]: return rest\n    return 'none'\n",
        ["[Part None, ...]?", "'none'?"],
    ),
    "no list": ("def load():\n    match 'text':\n        case [a, b]: return a\n    return 'none'\n", ["'none'"]),
    "mapping": (
        "def load():\n    match {'kind': 'a', 'x': 1}:\n        case {'kind': 'b'}: return 'b'\n        case {'y': _}: return 'y'\n        case {'kind': 'a', **rest}: return rest\n    return 'none'\n",
        ["{'kind': 'a', 'x': 1}"],
    ),
    "unknown mapping": (
        "def load():\n    match ask():\n        case {'kind': k}: return k\n    return 'none'\n",
        ["Part kind?", "'none'?"],
    ),
    "no mapping": ("def load():\n    match [1]:\n        case {'kind': k}: return k\n    return 'none'\n", ["'none'"]),
    "plain kind": (
        "def load():\n    match 'a':\n        case int(): return 'int'\n        case str(s): return s\n    return 'none'\n",
        ["'a'"],
    ),
    "unknown kind": (
        "def load():\n    match ask():\n        case str(s): return s\n    return 'none'\n",
        ["peft.ask()?", "'none'?"],
    ),
    "guard": (
        "def load():\n    match 2:\n        case x if x > 3: return 'large'\n        case x if x > 1: return 'small'\n    return 'none'\n",
        ["'small'"],
    ),
    "unknown guard": (
        "def load():\n    match 2:\n        case x if ask(): return 'asked'\n        case x: return x\n    return 'none'\n",
        ["'asked'?", "2?"],
    ),
    "record": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int\nclass Q: pass\ndef load():\n    match P(1, 2):\n        case Q(): return 0\n        case P(5, y=2): return 1\n        case P(a, y=b): return [a, b]\n",
        ["[1, 2]"],
    ),
    "objects are no lists": (
        "class Q: pass\ndef load():\n    match Q():\n        case [a]: return 1\n        case _: return 2\n",
        ["2"],
    ),
    "members": (
        "from enum import Enum, StrEnum\nclass K(Enum):\n    A = 1\n    B = 2\nclass S(StrEnum):\n    A = 'a'\n    B = 'b'\ndef name(k):\n    match k:\n        case K.A: return 'K.A'\n        case K.B: return 'K.B'\n        case S(): return 'S'\ndef load():\n    return [name(K.B), name(S.A)]\n",
        ["['K.B', 'S']"],
    ),
    "several subjects": (
        "def load():\n    x = 1 if ask() else 2\n    match x:\n        case 1: return 'one'\n        case n: return n\n",
        ["'one'?", "1?", "2?"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A match takes the branches that Python may take."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
