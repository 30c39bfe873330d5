"""Functions and classes are defined as their decorators and bases say."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "partialmethod pos": (
        "from functools import partialmethod\nclass C:\n    def f(self, a, b):\n        return [a, b]\n    g = partialmethod(f, 2)\ndef load():\n    return C().g(1)\n",
        ["[2, 1]"],
    ),
    "registry deco": (
        "R = {}\ndef reg(name):\n    def deco(cls):\n        R[name] = cls\n        return cls\n    return deco\n@reg('a')\nclass A:\n    k = 1\ndef load():\n    return R['a'].k\n",
        ["1"],
    ),
    "class registry classmethod": (
        "class R:\n    table = {}\n    @classmethod\n    def add(cls, name):\n        def deco(f):\n            cls.table[name] = f\n            return f\n        return deco\n@R.add('x')\ndef f():\n    return 5\ndef load():\n    return R.table['x']()\n",
        ["5"],
    ),
    "decorator": (
        "import functools\ndef d(x):\n    def outer(g):\n        @functools.wraps(g)\n        def inner(): return [x, g()]\n        return inner\n    return outer\n@d('x')\ndef f(): return 1\ndef load():\n    return f()\n",
        ["['x', 1]"],
    ),
    "subclass hook": (
        "SEEN = {}\nclass A:\n    def __init_subclass__(cls, **kw):\n        SEEN[cls.name] = 1\nclass B(A):\n    name = 'b'\ndef load():\n    return SEEN\n",
        ["{'b': 1}"],
    ),
    "subclass hook of another package": (
        "class A:\n    __init_subclass__ = ask\nclass B(A): pass\ndef load():\n    return B()",
        ["Object B"],
    ),
    "class decorator": (
        "KINDS = {}\ndef register(name):\n    def keep(cls):\n        KINDS[name] = cls\n        return cls\n    return keep\n@register('a')\nclass A: pass\n@ask.whatever\nclass B: pass\ndef load():\n    return [KINDS, B]\n",
        ["[{'a': Class A}, Class B]"],
    ),
    "setter": (
        "class A:\n    @property\n    def x(self): return self._x\n    @x.setter\n    def x(self, value): self._x = [value]\ndef load():\n    a = A()\n    a.x = 1\n    return a.x\n",
        ["[1]"],
    ),
    "options of a subclass": (
        "SEEN = {}\nclass A:\n    def __init_subclass__(cls, tag='none', **kw): SEEN[tag] = cls\nclass B(A, tag='b'): pass\ndef load():\n    return SEEN\n",
        ["{'b': Class B}"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A definition gives its name a thing."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
