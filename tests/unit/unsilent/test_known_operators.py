"""Operators as functions."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "contains": (
        "import operator\ndef load():\n    return [operator.contains(ask(), 'a'), operator.contains('a')]\n",
        "[(in), operator.contains()]",
    ),
    "getters": (
        "import operator\ndef load():\n    return [operator.itemgetter('a')({'a': 1}), operator.add(1, 2)]\n",
        "[1, 3]",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: str) -> None:
    """As the operator itself."""
    assert " | ".join(snippets.told(snippets.value_of(tmp_path, code))) == expected
