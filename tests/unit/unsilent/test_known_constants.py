"""Functions of constants give constants."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "bool": (
        "[bool('a'), bool(), bool(ask())]",
        "[True, False, bool()]",
    ),
    "any and all": (
        "[any([0, 1]), all([1, 0]), any([ask(), 1]), any([ask(), 0]), all([]), any(ask()), any()]",
        "[True, False, True, any(), True, any(), any()]",
    ),
    "numbers": (
        "[min(1, 2), max([3, 4]), abs(-1), round(2.5), max(ask(), 1), max([], default=1), abs(1, 2), min()]",
        "[1, 4, 1, 2, max(), max(), abs(), min()]",
    ),
    "from keys": (
        "[dict.fromkeys(['a'], 3), dict.fromkeys(['a']), dict.fromkeys(ask()), dict.fromkeys()]",
        "[{'a': 3}, {'a': None}, .fromkeys(), dict.fromkeys()]",
    ),
    "literals": (
        "import ast\ndef load():\n    return [ast.literal_eval('{1: (2,)}'), ast.literal_eval('a('), ast.literal_eval(ask()), ast.literal_eval('[' * 99)]\n",
        "[{1: [2]}, ast.literal_eval(), ast.literal_eval(), ast.literal_eval()]",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: str) -> None:
    """As Python would, and a foreign call where it is not known."""
    assert " | ".join(snippets.told(snippets.value_of(tmp_path, code))) == expected
