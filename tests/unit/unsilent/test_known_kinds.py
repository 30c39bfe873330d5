"""What something is, is told where it is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "type": (
        "class C:\n    k = 5\n    def f(self):\n        return type(self).k\ndef load():\n    return [C().f(), type(1), type(ask())]\n",
        "[5, type(), type()]",
    ),
    "list": (
        "[isinstance([1], dict), isinstance([1], list), isinstance([1], ask)]",
        "[False, isinstance(), isinstance()]",
    ),
    "dict of one's own": (
        "class D(dict):\n    pass\ndef load():\n    return [isinstance(D(a=1), dict), isinstance(D(), (str, D)), isinstance(D(), str)]\n",
        "[True, True, isinstance()]",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: str) -> None:
    """Constants, texts, lists, dicts and objects of the tree."""
    assert " | ".join(snippets.told(snippets.value_of(tmp_path, code))) == expected
