"""Iterators, orders and lengths are followed where code writes down what they are of."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "next of an iterator": (
        "def load():\n    i = iter(['a', 'b'])\n    return [next(i), next(i)]\n",
        "['a', 'b']",
    ),
    "iterator of something else": (
        "[iter(ask()), iter(), next()]",
        "[peft.ask(), iter(), next()]",
    ),
    "ladder": (
        "next((n for n, ok in [('a', ask()), ('b', ask()), ('c', True), ('d', True)] if ok), 'x')",
        "'a'? | 'b'? | 'c'?",
    ),
    "ladder without end": (
        "next((n for n, ok in [('a', ask())] if ok), 'x')",
        "'a'? | 'x'?",
    ),
    "two conditions": (
        "next((n for n, ok in [('a', ask())] if ok if ok.b), 'x')",
        "'a'? | 'x'",
    ),
    "next where it may not be": (
        "def load():\n    i = iter(['a', 'b'])\n    x = 0\n    if ask():\n        x = next(i)\n    return x\n",
        "'a'? | 'b'? | 0",
    ),
    "next of something else": (
        "next(ask(), 1)",
        "Part None | 1",
    ),
    "reversed": (
        "[reversed([1, 2]), reversed(ask())]",
        "[[2, 1], peft.ask()]",
    ),
    "sorted": (
        "[sorted(['b', 'a']), sorted([2, 1]), sorted([ask(), 1]), sorted([1, 2], key=ask), sorted(ask())]",
        "[['a', 'b'], [1, 2], [peft.ask() | 1, peft.ask() | 1], [1 | 2, 1 | 2], peft.ask()]",
    ),
    "len": (
        "[len('ab'), len([1, [2]]), len({'a': 1}), len([ask()]), len(ask()), len([[[[1]]]])]",
        "[2, 2, 1, len(), len(), len()]",
    ),
    "range": (
        "[[n for n in range(3)], [n for n in range(1, 9, 4)], [n for n in range(99)], [n for n in range(1, 2, 0)], [n for n in range(ask())]]",
        "[[0, 1, 2], [1, 5], [Part None?, ...], [Part None?, ...], [Part None?, ...]]",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: str) -> None:
    """As Python would, as far as it is known."""
    assert " | ".join(snippets.told(snippets.value_of(tmp_path, code))) == expected
