"""Constants are computed, texts are joined, everything else stays what it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "remainder": (
        "7 % 4",
        ["3"],
    ),
    "numbers": ("2 * 3 + 10 // 4 - 1", ["7"]),
    "no bombs": ("9 ** 9 ** 9", ["nan"]),
    "no long texts": ("'a' * 10 ** 9", ["(*)"]),
    "no large numbers": (
        "10 ** 18 * 10",
        ["(*)"],
    ),
    "division by zero": ("1 / 0", ["(/)"]),
    "wrong types": ("'a' - 1", ["(-)"]),
    "unknown operation": (
        "2 @ 1",
        ["(MatMult)"],
    ),
    "text and hole": (
        "'a' + ask() + 'b'",
        ["f'a{}b'"],
    ),
    "text and text": (
        "f'{ask()} ' + f'{ask()}'",
        ["f'{} {}'"],
    ),
    "percent": (
        "'%s is %d%%' % (ask(), 3)",
        ["f'{} is 3%'"],
    ),
    "percent with names": (
        "'%(a)s!' % {'a': 'x'}",
        ["'x!'"],
    ),
    "bits": ("[1 << 2, 6 >> 1, 6 ^ 2, 7 & 3, 1 << 99]", ["[4, 3, 4, 3, (<<)]"]),
    "lists": ("[1] + [2]", ["[1, 2]"]),
    "many times": ("[0] * ask()", ["[0, ...]"]),
    "dicts": (
        "{'a': 1} | {'b': 2, **ask()}",
        ["{'a': 1, 'b': 2, ...}"],
    ),
    "comparison": (
        "[1 < 2, 'a' in ('a', 'b'), 'c' not in {'a': 1}, 1 in ask(), 'a' < 1]",
        ["[True, True, True, (in), (<)]"],
    ),
    "identity": (
        "[None is None, ask is not None, torch.a is torch.a, ask() is None]",
        ["[True, True, True, (is)]"],
    ),
    "truth": (
        "[not [], not 'a', not {'a': 1}, not f'x{ask()}', not load, not ask()]",
        ["[True, False, False, False, False, (not)]"],
    ),
    "a choice of two": (
        "def load():\n    x = 1 if ask() else 2\n    return x + 1\n",
        ["2?", "3?"],
    ),
    "merging a constant": ("{**(None if ask() else {'a': 1})}", ["{'a': 1?}"]),
    "percent of too little": ("'%s and %s' % (1,)", ["'1 and '"]),
    "lists without end": (
        "def load():\n    x = [1]\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    x = x + x\n    return x[0]",
        ["Part 0"],
    ),
    "a member is no constant": (
        "from enum import Enum\nclass A(Enum): X = 1\ndef load():\n    return [A.X == 1, 'a' != A.X]",
        ["[False, True]"],
    ),
    "no wide texts": ("'%9999999999d' % 1", ["'1'"]),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """What is known is computed within limits; what is not stays an operation."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
