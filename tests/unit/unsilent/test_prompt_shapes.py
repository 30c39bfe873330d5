"""The shape of a text: its known words, and holes."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.prompt_shapes import shapes, spoken


@pytest.mark.parametrize(
    ("code", "shape"),
    [
        ("'a'", "'a'"),
        ("f'{ask()} <answer>'", "'{...} <answer>'"),
        ("f'{ask()}{ask()} <answer>'", "'{...} <answer>'"),
        ("(f'{ask()} x').strip()", "'{...} x'"),
        ("ask().strip()", "'{...}'"),
        ("ask() + ask()", "'{...}{...}'"),
        ("tok.apply_chat_template([{'role': 'user', 'content': ask()}])", "'{chat template}user:{...}|'"),
        ("tok.apply_chat_template([ask()])", "'{chat template}'"),
        ("3", "'{...}'"),
    ],
)
def test_shapes(tmp_path: Path, code: str, shape: str) -> None:
    """Words stay, what is unknown becomes a hole, two holes in a row are one; a chat is told message by message."""
    value = snippets.value_of(tmp_path, f"from x import ask, tok\ndef load():\n    return {code}\n")

    assert [spoken(one) for one, _ in shapes(value)] == [shape]


def test_recursion_has_no_shape(tmp_path: Path) -> None:
    """What a function that calls itself gives is nobody's text."""
    value = snippets.value_of(tmp_path, "def load():\n    return load()\n")

    assert shapes(value) == []
