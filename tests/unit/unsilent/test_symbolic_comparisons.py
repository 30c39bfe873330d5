"""What is compared is decided where it is known, and said in one way where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "search": (
        "[ask().find('a') >= 0, ask().count('a') == 0, ask().find('a') > 5, ask().find('a', 1) >= 0, ask().f('a') >= 0]",
        "[(in), (not in), (>), (>=), (>=)]",
    ),
    "flags": (
        "import enum\nclass F(enum.IntFlag):\n    A = enum.auto()\n    B = enum.auto()\n    C = enum.auto()\ndef load():\n    f = F.A | F.C\n    return [F.C in f, F.B in f, 5 if f & F.B else 6]\n",
        "[True, False, 6]",
    ),
    "dict of one's own": (
        "class D(dict):\n    pass\ndef load():\n    return ['a' in D(a=1), 'b' in D(a=1)]\n",
        "[True, False]",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: str) -> None:
    """Texts that are searched, flags, and dicts."""
    assert " | ".join(snippets.told(snippets.value_of(tmp_path, code))) == expected
