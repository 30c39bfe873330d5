"""Python's own functions are followed where what they give is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "hasattr": (
        "class A:\n    x = 1\nclass B(ask.C): pass\ndef load():\n    return [hasattr(A(), 'x'), hasattr(A(), 'y'), hasattr(B(), 'y'), hasattr(ask, 'x'), hasattr(A(), ask())]",
        ["[True, False, hasattr(), hasattr(), hasattr()]"],
    ),
    "property as a call": (
        "class A:\n    def get(self): return 1\n    x = property(get)\n    y = property(ask)\ndef load():\n    return [A().x, property()]",
        ["[1, property()]"],
    ),
    "chained dicts": (
        "from collections import ChainMap, defaultdict, deque\ndef load():\n    return [ChainMap({'a': 1}, {'a': 2, 'b': 3})['a'], defaultdict(list, a=1), deque([1])]",
        ["[1, {'a': 1}, [1]]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A call of these is worth its result, or is noted as foreign."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
