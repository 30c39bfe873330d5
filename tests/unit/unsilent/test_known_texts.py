"""Methods of strings are followed where what they give is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "format attr": (
        "class C:\n    a = 'q'\ndef load():\n    return '{0.a} x'.format(C())\n",
        ["'q x'"],
    ),
    "format item": (
        "'{0[a]} x'.format({'a': 'q'})",
        ["'q x'"],
    ),
    "format_map": (
        "'{a} x'.format_map({'a': 'q'})",
        ["'q x'"],
    ),
    "unbound str": (
        "str.strip(' a ')",
        ["'a'"],
    ),
    "format **": (
        "'{a} x'.format(**{'a': 'q'})",
        ["'q x'"],
    ),
    "template": (
        "from string import Template\nT = Template('$q is ${n} $$')\ndef load():\n    return [Template('$q is ${n}').substitute({'q': ask()}, n=3), Template('$x').safe_substitute(), ask().substitute(x=1), Template(ask()).substitute()]",
        ["[f'{} is 3', f'{}', .substitute(), .substitute()]"],
    ),
    "parts": (
        "['a<b'.partition('<'), 'ab'.removeprefix('a'), 'a\\nb'.splitlines(), 'a'.split('a' if ask() else 'b')]",
        ["[('a', '<', 'b'), 'b', ['a', 'b'], .split()]"],
    ),
    "joined without the empty": (
        "[' '.join(part for part in [ask(), 'b', ''] if part), ' '.join(part for part in [ask(), 'b'] if go())]",
        ["[f'{} b', .join()]"],
    ),
    "no bombs": ("['a'.split('a', 10 ** 9), ('a' * 9000).join(['b'] * 3)]", ["[.split(), .join()]"]),
    "list as long as a book": ("('a ' * 400 + 'b').split('a')[0]", ["''"]),
    "very many parts": (f"'{'b' * 21_000}'.split('b')", [".split()"]),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A method is worth its result, or is noted as foreign."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
