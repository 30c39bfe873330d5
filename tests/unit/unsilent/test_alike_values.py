"""Values that are computed in the same way are alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.alike_values import alike, leaves


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Path('x') / ask(1)", "Path('x') / ask(1)", True),
        ("f'{ask()}/x'", "f'{ask()}/x'", True),
        ("ask().x[0]", "ask().x[0]", True),
        ("f'{ask()}/x'", "f'{ask()}/y'", False),
        ("Path('x') / 'a'", "Path('x') / 'b'", False),
        ("ask(1)", "ask(2)", False),
        ("ask", "ask", True),
        ("1", "'a'", False),
        ("ask(1)", "ask", False),
        ("[1]", "[1]", False),
        ("1 if ask() else 2", "1", False),
    ],
)
def test_alike(tmp_path: Path, a: str, b: str, *, same: bool) -> None:
    """Two values that are computed in the same way are alike; lists are never known to be."""
    head = "from pathlib import Path\nfrom x import ask\ndef load():\n    return "
    values = [snippets.value_of(tmp_path / name, f"{head}{code}\n") for name, code in (("a", a), ("b", b))]

    assert alike(values[0], values[1]) is same
    assert alike(values[0], values[0])


def test_leaves_of_a_value(tmp_path: Path) -> None:
    """Lists, ``or`` and ``and`` are opened, each thing once."""
    value = snippets.value_of(
        tmp_path, "from x import ask\ndef load():\n    a = ask()\n    return [a or 1, a and [2]]\n"
    )

    assert snippets.told(tuple(leaves(value))) == ["x.ask()", "1", "2"]
