"""Methods of strings, dicts and lists are followed where what they give is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "items of files": (
        "def load():\n    import configparser\n    c = configparser.ConfigParser()\n    c['a'] = 1\n    return [list(c.items()), ask().items()]\n",
        ["[[['a', 1], [configparser.ConfigParser(), configparser.ConfigParser()], ...], .items()]"],
    ),
    "update zip": (
        "def load():\n    d = {}\n    d.update(zip(['a', 'b'], [1, 2]))\n    return d['b']\n",
        ["2"],
    ),
    "update pairs": (
        "def load():\n    d = {}\n    d.update([('a', 1)])\n    return d['a']\n",
        ["1"],
    ),
    "dict pop loop": (
        "def load():\n    d = {'a': 1, 'b': 2}\n    return [d.pop(k) for k in ['a', 'b']]\n",
        ["[1, 2]"],
    ),
    "sets items": (
        "def load():\n    d = {}\n    d.__setitem__('a', 1)\n    return [d.__getitem__('a'), ask().__getitem__(1), ask().__setitem__(1, 2)]\n",
        ["[1, .__getitem__(), .__setitem__()]"],
    ),
    "format": (
        "['{} {b}'.format(ask(), b=2), '{0}{0}'.format('a'), '{'.format(1), '{x}'.format(), ask().format(1)]",
        ["[f'{} 2', 'aa', .format(), f'{}', .format()]"],
    ),
    "strip": (
        "[' a '.strip(), f' {ask()} '.strip(), 'a'.strip('x'), ask().strip(), f'{ask()}'.strip()]",
        ["['a', f'{}', 'a', .strip(), f'{}']"],
    ),
    "rstrip": (
        "['a '.rstrip(), f' {ask()} '.rstrip(), f'{ask()}'.rstrip(), ask().rstrip(), 'a'.rstrip('a')]",
        ["['a', f' {}', f'{}', .rstrip(), .rstrip()]"],
    ),
    "join": (
        "[' '.join(['a', ask()]), ' '.join(ask()), ask().join([])]",
        ["[f'a {}', .join(), .join()]"],
    ),
    "replace": (
        "['{q} x'.replace('{q}', ask()), f'{ask()}-'.replace('-', '+'), ask().replace('a', 'b'), 'a'.replace('a')]",
        ["[f'{} x', f'{}+', .replace(), .replace()]"],
    ),
    "get": (
        "[{'a': 1}.get('a'), {'a': 1}.get('b', 2), {}.get(ask()), {'a': 'x'}.get(ask()), ask().get(1, 2), ask().get(1)]",
        ["[1, 2, None, 'x' | None, .get() | 2, .get()]"],
    ),
    "pop": (
        "def load():\n    d = {'a': 1}\n    return [d.pop('a'), d, [1].pop(), ask().pop()]\n",
        ["[1, {}, 1, .pop()]"],
    ),
    "setdefault": (
        "def load():\n    d = {'a': 1}\n    d.setdefault('a', 2)\n    d.setdefault('b', 3)\n    return [d, ask().setdefault(1, 2)]\n",
        ["[{'a': 1, 'b': 3}, .setdefault()]"],
    ),
    "update": (
        "def load():\n    d = {}\n    d.update({'a': 1}, b=2)\n    return d\n",
        ["{'a': 1, 'b': 2}"],
    ),
    "lists": (
        "def load():\n    a = []\n    a.append(1)\n    a.extend([2])\n    a.insert(0, 3)\n    return [a, ask().extend([1])]\n",
        ["[[1, 2, 3], .extend()]"],
    ),
    "views": (
        "def load():\n    d = {'a': 1, **ask()}\n    return [list(d.items()), list(d.values()), list(d.keys()), d.copy(), [1].copy()]\n",
        [
            "[[['a', 1], [peft.ask(), peft.ask()], ...], [1, peft.ask(), ...], ['a', peft.ask(), ...], {'a': 1, ...}, [1]]"
        ],
    ),
    "views of unknown": (
        "[ask().items(), ask().values(), ask().keys(), ask().copy()]",
        ["[.items(), .values(), .keys(), .copy()]"],
    ),
    "plain": (
        "['A'.lower(), 'a b'.split(), 'a'.startswith('a'), f'{ask()}'.lower(), 'a'.split(ask()), 'a'.split(1)]",
        ["['a', ['a', 'b'], True, f'{}', .split(), .split()]"],
    ),
    "throughout": (
        "[x for x in ask().map(lambda row: 'made')]",
        ["[Part None?, ...]"],
    ),
    "rows of a list": (
        "ask.from_list([1]).shuffle().map(lambda x: [x, 'a']).map(lambda x: x[1])",
        ["(mapped)"],
    ),
    "pop perhaps": ("def load():\n    d = {'a': 1}\n    if ask(): d.pop('a')\n    return d", ["{'a': 1}"]),
    "filling something": (
        "def load():\n    x = ask()\n    x.append('a')\n    return [x[ask()], ''.update(1)]",
        ["['a', .update()]"],
    ),
    "throughout nothing": ("[ask().map(1), ask().map(), [1].map(lambda x: x)]", ["[.map(), .map(), .map()]"]),
    "update with settings": (
        "def load():\n    x = ask()\n    x['a'] = 1\n    return [{**x}['a'], {**(x if ask() else {})}]",
        ["[1, {'a': 1?, ...}]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A method is worth its result, or is noted as foreign."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
