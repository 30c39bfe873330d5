"""Attributes and entries are read where they are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "dict with attributes": (
        "class D(dict):\n    def __init__(self, **k):\n        super().__init__(**k)\n    def __getattr__(self, k):\n        return self[k]\ndef load():\n    d = D(a=1)\n    return [d.a, d.get('a'), d.get('b', 2), list(d.items()), {**d}]\n",
        ["[1, 1, 2, [['a', 1]], {'a': 1}]"],
    ),
    "bases": (
        "class A:\n    k = 1\nclass B(A):\n    pass\ndef load():\n    return [[c.k for c in B.__mro__], [c.k for c in B.__bases__]]\n",
        ["[[1, 1], [1]]"],
    ),
    "separator": (
        "os.sep",
        ["'/'"],
    ),
    "element": ("[10, 20][1]", ["20"]),
    "beyond the end": ("[10][3]", []),
    "slice": (
        "[10, 20][ask():]",
        ["[10, 20, ...]"],
    ),
    "some element": (
        "[10, 20][ask()]",
        ["10", "20"],
    ),
    "entry": ("{'a': 1, **ask()}['a']", ["1"]),
    "no entry": ("{'a': 1}['b']", []),
    "unknown entry": (
        "{'a': 'x', 'b': 'y'}[ask()]",
        ["'x'?", "'y'?"],
    ),
    "unknown number": (
        "{'a': 1, 'b': 2}[ask()]",
        ["Part None"],
    ),
    "entry of nothing": (
        "{}[ask()]",
        ["Part None"],
    ),
    "letter": ("'abc'[1]", ["'b'"]),
    "attribute kept": (
        "def load():\n    x = ask()\n    x.a = 1\n    return x.a\n",
        ["1"],
    ),
    "element kept": (
        "def load():\n    x = ask()\n    x['a'] = 1\n    x[ask()] = 2\n    return [x['a'], x['b']]\n",
        ["[1, 2]"],
    ),
    "class": (
        "class A:\n    x = 1\ndef load():\n    return [A.__name__, A.x, A().__class__.x, A.y, A().y]\n",
        ["['A', 1, 1, Part y, Part y]"],
    ),
    "dict of a class": (
        "class A:\n    x = 1\ndef load():\n    return [A.__dict__['x'], vars(A())]\n",
        ["[1, {}]"],
    ),
    "dict of an object": (
        "class A:\n    pass\ndef load():\n    a = A()\n    a.x = 2\n    return a.__dict__\n",
        ["{'x': 2}"],
    ),
    "delegation": (
        "class A:\n    def __getattr__(self, name):\n        return name + '!'\ndef load():\n    return A().name\n",
        ["'name!'"],
    ),
    "property, static, class": (
        "class A:\n    @property\n    def p(self): return 'p'\n    @staticmethod\n    def s(x): return x\n    @classmethod\n    def c(cls): return cls.__name__\n    def m(self): return 'm'\ndef load():\n    a = A()\n    return [a.p, a.s(1), a.c(), A.c(), A.m(a)]\n",
        ["['p', 1, 'A', 'A', 'm']"],
    ),
    "enumeration": (
        "from enum import Enum\nclass A(Enum):\n    X = 1\ndef load():\n    return [A.X.value, A['X'], A('x')]\n",
        ["[1, Object A, Object A]"],
    ),
    "getitem": (
        "class A:\n    def __getitem__(self, i): return i\ndef load():\n    return [A()[3], [x for x in A()]]\n",
        ["[3, [Unknown index?, ...]]"],
    ),
    "an element of ours": (
        "class A:\n    def __getitem__(self, i): return [i, 'a']\ndef load():\n    return [x for x in A()]",
        ["[[Unknown index, 'a']?, ...]"],
    ),
    "enumerations": (
        "from enum import Enum, StrEnum, IntEnum, auto\nclass A(Enum):\n    X = 1\n    Y = auto()\n    def twice(self): return [self.value, self.value]\n    @classmethod\n    def best(cls): return cls.Y\nclass S(StrEnum):\n    ONE = auto()\n    @property\n    def loud(self): return self + '!'\nclass I(IntEnum):\n    TWO = 2\nclass P(Enum):\n    E = (1, 'a')\n    def __init__(self, number, name_): self.number = number\ndef load():\n    return [A.best().value, A.X.twice(), A.X.name, S.ONE, S.ONE.loud, S.ONE.value, I.TWO + 1, P.E.number, A.X is A.X, A.X is A.Y, A.X == 1, 1 != A.X, [m.name for m in A], A(1).name, S('one').name, A(A.Y).name, A(ask()).name]\n",
        [
            "[2, [1, 1], 'X', 'one', 'one!', 'one', 3, 1, True, False, False, True, ['X', 'Y'], 'X', 'ONE', 'Y', 'X' | 'Y']"
        ],
    ),
    "named tuples": (
        "from typing import NamedTuple\nfrom collections import namedtuple\nclass P(NamedTuple):\n    x: int\n    y: int = 2\nQ = namedtuple('Q', 'a, b', defaults=(4,))\nR = NamedTuple('R', [('c', int)])\ndef load():\n    x, y = P(1)\n    return [x, y, P(1)[0], P(1)[5], list(P(1)), P(1)._replace(x=5).x, P(1)._asdict(), Q(3).b, Q(3)[0], R(6).c, namedtuple('S', ask()), ask()._replace(x=1), ask()._asdict()]\n",
        ["[1, 2, 1, , [1, 2], 5, {'x': 1, 'y': 2}, 4, 3, 6, collections.namedtuple(), ._replace(), ._asdict()]"],
    ),
    "descriptors": (
        "class D:\n    def __get__(self, of, kind): return [of, kind]\nclass A:\n    d = D()\ndef load():\n    return [A().d, A.d]\n",
        ["[[Object A, Class A], [Class A, Class A]]"],
    ),
    "what is put into __dict__": (
        "class A: pass\ndef load():\n    a = A()\n    a.__dict__['x'] = 1\n    a.__dict__.update(y=2)\n    return [a.x, a.y]\n",
        ["[1, 2]"],
    ),
    "iteration of ours": (
        "class A:\n    def __iter__(self):\n        yield 1\n        yield 'a'\ndef load():\n    return [x for x in A()]\n",
        ["[1? | 'a'?, ...]"],
    ),
    "elements of one of two": ("[x for x in ((1, 2) if ask() else {'a': 1})]", ["[1? | 2? | 'a'?, ...]"]),
    "list that takes itself": (
        "def load():\n    x = [1]\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    x.extend(x)\n    return x[0]",
        ["1"],
    ),
    "name of a class": ("class A: pass\ndef load():\n    return [A.__name__, A.x]", ["['A', Part x]"]),
    "elements of one of several": (
        "from enum import Enum\nclass A(Enum):\n    X = 1\ndef load():\n    return [m for m in (A if ask() else [2])]",
        ["[Object A? | 2?, ...]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """What is read is what was put there."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
