"""Expressions are worth what Python would make of them, as far as that is known."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import snippets

from unsilent.sources import find_sources
from unsilent.symbolic_statements import Reader
from unsilent.symbolic_values import made_from

CASES = {
    "built-in and unknown": (
        "[len, nothing]",
        ["[Outside len, Unknown nothing]"],
    ),
    "class bodies are no scope": (
        "x = 'module'\nclass A:\n    x = 'class'\n    def f(self): return x\ndef load():\n    return A().f()\n",
        ["'module'"],
    ),
    "decided": ("1 if 2 > 1 else 2", ["1"]),
    "undecided": (
        "1 if ask() else 2",
        ["1?", "2?"],
    ),
    "or": (
        "None or 0 or 'a' or ask()",
        ["'a'"],
    ),
    "or unknown": ("ask() or 'a'", ["(or)"]),
    "and": ("1 and 0", ["0"]),
    "not": ("not ask()", ["(not)"]),
    "sign": (
        "[-1, +ask(), ~1]",
        ["[-1, (UAdd), -2]"],
    ),
    "operators of objects": (
        "class P:\n    def __init__(self, v):\n        self.v = v\n    def __or__(self, f):\n        return f(self.v)\n    def __str__(self):\n        return 's'\ndef load():\n    p = P(2)\n    return [p | (lambda v: v + 1), f'{p}', str(p)]\n",
        ["[3, 's', 's']"],
    ),
    "chain": ("1 < ask() < 3", ["(and)"]),
    "f-string": (
        "f'{1} {ask()!r} {2.5:.1f}'",
        ["f'1 {} {}'"],
    ),
    "constant f-string": ("f'a{1}'", ["'a1'"]),
    "walrus": ("(y := 3) + y", ["6"]),
    "await": ("async def f(): return 1\nasync def load():\n    return await f()\n", ["1"]),
    "star and slice": (
        "ask()[1:2]",
        ["Part None"],
    ),
    "anything else": (
        "ask()[...]",
        ["Part Ellipsis"],
    ),
    "lambda": (
        "(lambda x, y=2: x + y)(1)",
        ["3"],
    ),
    "a name that may still be importing": (
        "# file: a.py\nimport sft\n# file: sft.py\nfrom a import sft as again\nthere = 1 if again else 2\ndef load():\n    return again.there\n",
        ["1"],
    ),
    "a generator among others": (
        "def load():\n    f = (x for x in [(yield from 'a'.split())])\n    yield 1\n",
        ["['a', 1]"],
    ),
    "yield nowhere": (
        "x = yield 1\ny = yield from x\ndef load():\n    return [x, y]",
        ["[Unknown sent, Unknown sent]"],
    ),
    "text without end": (
        "def load():\n    x = 'ab'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    x = f'{x}{x}'\n    return x",
        ["Unknown too long a text"],
    ),
    "calculation with itself": (
        "def load():\n    x = ask()\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    x = x * x + x\n    return x",
        ["(+)"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """Names, collections, comprehensions and conditions."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected


def test_expression_of_a_later_python_keeps_what_it_is_made_of(tmp_path: Path) -> None:
    """What this reader has no method for is an operation on its parts."""
    reader = Reader(find_sources(snippets.write(tmp_path, "x = 1\n")))
    frame = reader.import_module(reader.tree.sources["sft"])
    piece = ast.FormattedValue(ast.Name("x", ast.Load()), conversion=-1)
    value = reader.evaluate(piece, frame)

    assert snippets.told(value) == ["(FormattedValue)"]
    assert [snippets.told(inner) for inner in made_from(value[0].thing)] == [["1"]]


def test_name_may_be_of_a_module_that_is_still_imported(tmp_path: Path) -> None:
    """Beside what it may be else."""
    code = """
# file: other.py
import sft
if ask():
    from sft import late
else:
    late = 1
def use():
    return late
# file: sft.py
import other
late = 2
def load():
    return other.use()
"""
    assert snippets.told(snippets.value_of(tmp_path, code)) == ["2", "1?"]
