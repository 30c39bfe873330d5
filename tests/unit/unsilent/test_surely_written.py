"""Ways through a loop's body, and branches that refuse."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from unsilent.sources import find_sources
from unsilent.surely_written import refuses, surely_written
from unsilent.symbols import Guard, Site

WAYS = {
    "at once": ("a[i] = 1", True),
    "in both branches": ("if i:\n    a[i] = 1\nelse:\n    a[i] = 2", True),
    "in one branch, an error in the other": ("if i:\n    raise ValueError\na[i] = 1", True),
    "before the round is left": ("if i:\n    a[i] = 1\n    continue\na[i] = 2", True),
    "in the handler too": ("try:\n    a[i] = f()\nexcept OSError:\n    a[i] = 2", True),
    "at last": ("try:\n    f()\nfinally:\n    a[i] = 1", True),
    "inside a with": ("with f():\n    a[i] = 1", True),
    "in one branch": ("if i:\n    a[i] = 1", False),
    "the round is left": ("if i:\n    continue\na[i] = 1", False),
    "not in the handler": ("try:\n    a[i] = f()\nexcept OSError:\n    pass", False),
    "errors suppressed": ("with suppress(OSError):\n    a[i] = f()", False),
}


@pytest.mark.parametrize(("body", "surely"), WAYS.values(), ids=WAYS)
def test_written_in_every_round(tmp_path: Path, body: str, surely: bool) -> None:  # noqa: FBT001 - of a table
    """An assignment is sure if every way through the loop makes one, or ends in an error."""
    code = f"a = {{}}\nwhile False:\n    raise OSError\nfor i in range(3):\n{textwrap.indent(body, '    ')}\n"
    (tmp_path / "a.py").write_text(code)
    (tmp_path / "b.py").write_text("for i in []:\n    pass\n")
    sites = [Site("a.py", number) for number, line in enumerate(code.splitlines(), start=1) if "a[i] =" in line]

    assert surely_written(sites, find_sources(tmp_path)) is surely


REFUSALS = {
    "an error": ("    if ask():\n        raise OSError\n    return 1", False, True),
    "an exit": ("    if ask():\n        sys.exit(2)\n    return 1", False, True),
    "an error elsewhere": ("    if ask():\n        return 1\n    else:\n        raise OSError", True, True),
    "an error behind": ("    if ask():\n        return 1\n    raise OSError", True, True),
    "another value": ("    if ask():\n        return 2\n    return 1", False, False),
    "more questions": (
        "    if ask():\n        return 1\n    if f():\n        return 2\n    raise OSError",
        True,
        False,
    ),
    "nothing": ("    if ask():\n        pass", True, False),
}


@pytest.mark.parametrize(("body", "holds", "refused"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(tmp_path: Path, body: str, holds: bool, refused: bool) -> None:  # noqa: FBT001 - of a table
    """A condition whose other branch is an error demands something, and chooses nothing."""
    (tmp_path / "a.py").write_text(f"def f():\n{body}\n")
    tree = find_sources(tmp_path)

    assert refuses(Guard("if", (), holds, Site("a.py", 2)), tree) is refused
    assert not refuses(Guard("if", (), holds, Site("b.py", 2)), tree)
