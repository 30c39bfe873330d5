"""Names, attributes and entries stand for what they got last, or may have got."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "slots descr": (
        "class D:\n    def __set_name__(self, o, n):\n        self.n = '_' + n\n    def __get__(self, o, t=None):\n        return getattr(o, self.n)\n    def __set__(self, o, v):\n        setattr(o, self.n, v + 1)\nclass C:\n    a = D()\ndef load():\n    c = C()\n    c.a = 1\n    return c.a\n",
        ["2"],
    ),
    "__setattr__": (
        "class W:\n    def __setattr__(self, n, v):\n        self.__dict__[n] = v + 1\ndef load():\n    w = W()\n    w.a = 1\n    return w.a\n",
        ["2"],
    ),
    "attr validator": (
        "class C:\n    def __init__(self, **kw):\n        for k, v in kw.items():\n            setattr(self, k, v)\ndef load():\n    return C(a=2).a\n",
        ["2"],
    ),
    "self dict update": (
        "class C:\n    def __init__(self, **kw):\n        self.__dict__.update(kw)\ndef load():\n    return C(a=2).a\n",
        ["2"],
    ),
    "own setting by the base": (
        "class W:\n    def __setattr__(self, n, v):\n        super().__setattr__(n, v + 1)\ndef load():\n    w = W()\n    w.a = 1\n    return w.a\n",
        ["2"],
    ),
    "own entries": (
        "class D(dict):\n    def __setitem__(self, k, v):\n        super().__setitem__(k, v + 1)\nclass P(dict):\n    pass\ndef load():\n    d, p = D(), P()\n    d['a'] = p['a'] = 1\n    return [d['a'], p['a'], p.get('a'), [*p]]\n",
        ["[2, 1, 1, ['a']]"],
    ),
    "unpacking": (
        "def load():\n    (a, *b), c = [1, 2, 3], 4\n    return [a, c]\n",
        ["[1, 4]"],
    ),
    "augmented list": (
        "def load():\n    a = [1]\n    a += [2]\n    d = {'a': 1}\n    d |= {'b': 2}\n    return [a, d]\n",
        ["[[1, 2], {'a': 1, 'b': 2}]"],
    ),
    "attributes in branches": (
        "class A:\n    x = 1\ndef load():\n    a = A()\n    if ask(): a.x = 2\n    return a.x\n",
        ["1", "2?"],
    ),
    "entries in branches": (
        "def load():\n    d = {'a': 1}\n    if ask(): d['a'] = 2\n    d['b'] = 3\n    return d\n",
        ["{'a': 1 | 2?, 'b': 3}"],
    ),
    "list entries": (
        "def load():\n    a = [1, 2]\n    a[0] = 3\n    a[ask()] = 4\n    return a\n",
        ["[3, 2, 4, ...]"],
    ),
    "delete": (
        "x = 5\ndef load():\n    x = 1\n    del x\n    return x\n",
        ["5"],
    ),
    "deleted entries": (
        "def load():\n    d, x = {'a': 1, 'b': 2}, ask()\n    del d['a'], x[0], x.y\n    return d",
        ["{'b': 2}"],
    ),
    "global": (
        "x = 1\ndef f():\n    global x\n    x = 2\ndef load():\n    f()\n    return x\n",
        ["1", "2"],
    ),
    "nonlocal": (
        "def load():\n    x = 1\n    def f():\n        nonlocal x\n        x = 2\n    f()\n    return x\n",
        ["1", "2"],
    ),
    "nonlocal of nobody": ("def load():\n    nonlocal x\n    x = 1\n    return x", ["1"]),
    "nonlocal further out": (
        "def load():\n    x = 1\n    def f():\n        def g():\n            nonlocal x\n            x = 2\n        g()\n    f()\n    return x",
        ["1", "2"],
    ),
    "annotated": (
        "def load():\n    x: int = 1\n    y: int\n    return x\n",
        ["1"],
    ),
    "setattr and getattr": (
        "class A: pass\ndef load():\n    a = A()\n    setattr(a, 'x', 1)\n    return [getattr(a, 'x', 2), getattr(a, 'y', 3)]\n",
        ["[1, Part y | 3]"],
    ),
    "module attribute": (
        "# file: other.py\nx = 1\n# file: sft.py\nimport other\nother.x = 2\ndef load():\n    return other.x\n",
        ["2"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """After an assignment a name stands for what it may stand for."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
