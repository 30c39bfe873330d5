"""Paths in code: where they lead, and whether two may be the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.code_findings import Reading
from unsilent.code_paths import joins, may_be_same_place, path_of
from unsilent.sources import SourceTree

HEAD = "import os\nfrom pathlib import Path\nfrom x import ask\nHERE = Path(__file__).parent\n"


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("'./a/b'", ["a", "b"]),
        ("HERE / 'a'", ["work", "a"]),
        ("str(HERE / 'a')", ["work", "a"]),
        ("Path(__file__).resolve().parents[0].joinpath('a')", ["work", "a"]),
        ("os.path.join(os.path.dirname(os.path.abspath(__file__)), 'a')", ["work", "a"]),
        ("f'a/{ask()}'", ["a", "..."]),
        ("f'{HERE}/a'", ["work", "a"]),
        ("f'{HERE}/{ask()}'", []),
        ("f'{HERE}a/b'", []),
        ("f'{HERE}/{ask()}/b'", []),
        ("HERE / ask()", []),
        ("ask().parents[0]", []),
        ("ask()", []),
        ("Path()", []),
        ("[1]", []),
    ],
)
def test_paths(tmp_path: Path, code: str, parts: list[str]) -> None:
    """A path is known from the submission's folder on; what holds something unknown is not."""
    (value,) = snippets.value_of(tmp_path / "work", f"{HEAD}def load():\n    return {code}\n")

    assert path_of(value, Reading(SourceTree(tmp_path / "work"), [])) == parts


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("'a'", "str(Path('a'))", True),
        ("HERE / (ask() or 'a')", "f\"{HERE / 'a'}\"", True),
        ("os.path.join(HERE, 'a')", "HERE / 'a'", True),
        ("HERE / 'a'", "HERE / 'b'", False),
        ("'a'", "HERE / 'a'", False),
    ],
)
def test_same_place(tmp_path: Path, a: str, b: str, *, same: bool) -> None:
    """However they are written, and where one may be the other's default."""
    (pair,) = snippets.value_of(tmp_path, f"{HEAD}def load():\n    return {a}, {b}\n")

    assert may_be_same_place(*pair.thing.items) is same  # type: ignore[attr-defined]


def test_what_is_no_join(tmp_path: Path) -> None:
    """A string's join with nothing beside it is none."""
    (value,) = snippets.value_of(tmp_path, f"{HEAD}def load():\n    return os.path.join(HERE)\n")

    assert joins(value.thing) == ((), ())
