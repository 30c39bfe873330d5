"""Attributes, elements and entries are read where they are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "elements": (
        "[list({'a': 1}), [x for x in ask()], [x for x in (ask() or [1])]]",
        ["[['a'], [Part None?, ...], [Part None?, ...]]"],
    ),
    "filled through itself": (
        "class A(dict):\n    pass\ndef load():\n    a = A()\n    a.update(ask())\n    return [a['x'], [x for x in a]]\n",
        ["[peft.ask(), [peft.ask()?, ...]]"],
    ),
    "an element of none": ("[x for x in None]", ["[, ...]"]),
    "keys of a dict": ("[k for k in {'a': 1, **ask()}]", ["['a'? | peft.ask()?, ...]"]),
    "one of two keys": ("{('a' if ask() else 'b'): 1}", ["{'a': 1?, 'b': 1?}"]),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """What was put in comes out; what nobody put in is a part of something unknown."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
