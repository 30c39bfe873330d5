"""Values with sizes put in for arguments: as Python would compute them, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.sources import find_sources
from unsilent.symbolic_statements import Reader
from unsilent.symbols import Site
from unsilent.tried_numbers import NOTHING, is_true, number_of

STATE = {"n": 6.0, "rows": 10.0}


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("n - 1", 5),
        ("n / 4", 1.5),
        ("n // 0", None),
        ("n > 3", 1),
        ("not n", 0),
        ("n or 1", 6),
        ("n and 4", 4),
        ("None or n", 6),
        ("n is None", 0),
        ("ask() is None", None),
        ("ask() or n", 1),
        ("ask() and n", None),
        ("ask() and n - 6", 0),
        ("len(rows)", 10),
        ("min(n, 4)", 4),
        ("int(n / 4)", 1),
        ("min(n, ask())", None),
        ("sum(rows)", None),
        ("rows[:n]", 6),
        ("rows[n:]", 4),
        ("rows[:-1]", 9),
        ("rows[ask():]", None),
        ("rows[20:]", 0),
        ("rows[0]", None),
        ("[1, 2]", 2),
        ("[x for x in rows]", None),
        ("n if ask() else n - 0", 6),
        ("n if ask() else 1", None),
        ("n ** 2", None),
        ("-n", None),
        ("None", NOTHING),
        ("None > 3", None),
        ("'a'", None),
        ("[rows[i : i + 3] for i in range(0, n, 3)][0]", 3),
        ("[i for i in range(n)][0]", 0),
        ("[i for i in range(2, n)][0]", 2),
        ("other", None),
    ],
)
def test_numbers(tmp_path: Path, code: str, number: float | None) -> None:
    """Numbers are computed, lists have lengths, the first of several chunks is the largest."""
    snippets.write(tmp_path, f"from x import ask\ndef load(n, rows, other):\n    return {code}\n")
    reader = Reader(find_sources(tmp_path))
    frame = reader.import_module(reader.tree.sources["sft"])
    value = reader.call(frame.names["load"], (), {}, Site("sft.py", 0))

    assert number_of(value, STATE) == number


def test_truth() -> None:
    """Nothing is as false as zero."""
    assert list(map(is_true, (0.0, NOTHING, 2.0))) == [False, False, True]
