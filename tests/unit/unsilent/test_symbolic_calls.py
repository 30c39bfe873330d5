"""Functions of the tree are followed, with their defaults, their classes and their decorators."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "itself": (
        "def load():\n    x = ask()\n    return [x.to('cpu') is x, x.half()]\n",
        ["[(is), peft.ask()]"],
    ),
    "several callees": (
        "class A:\n    pass\ndef load():\n    f = min if ask() else A\n    return f()\n",
        ["min()?", "Object A?"],
    ),
    "locals and globals": (
        "def f(): pass\n_x = 1\ndef load():\n    a = 1\n    return [locals(), globals()]\n",
        ["[{'a': 1}, {'f': Function f, 'load': Function load}]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A call gives what the function returns, under the conditions under which it does."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
