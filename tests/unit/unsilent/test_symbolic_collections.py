"""Lists, dicts and comprehensions are made of what is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "comprehension": (
        "[x + 1 for x in (1, 2) if x > 1]",
        ["[3]"],
    ),
    "comprehension of unknown": (
        "[x for x in ask() if x]",
        ["[Part None?, ...]"],
    ),
    "two loops": (
        "[(x, y) for x in (1, 2) for y in 'ab'.split()]",
        ["[[1, 'ab'], [2, 'ab']]"],
    ),
    "dict comprehension": (
        "{k: v for k, v in [('a', 1)]}",
        ["{'a': 1}"],
    ),
    "unpacked": (
        "[*[1, 2], *ask()]",
        ["[1, 2, Part None, ...]"],
    ),
    "merged": (
        "{**{'a': 1}, **({'a': 2} if ask() else {}), 'b': 3}",
        ["{'a': 1 | 2?, 'b': 3}"],
    ),
    "walrus in a comprehension": (
        "def load():\n    found = [y := x for x in (1, 2)]\n    return [found, y]",
        ["[[1, 2], 2]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A display or comprehension holds what Python would put into it."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
