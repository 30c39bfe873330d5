"""Classes of the tree make objects that know what they inherit."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "typeddict": (
        "from typing import TypedDict\nclass C(TypedDict):\n    r: int\ndef load():\n    return C(r=8)['r']\n",
        ["8"],
    ),
    "post_init": (
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int = 1\n    def __post_init__(self):\n        self.b = self.a * 2\ndef load():\n    return C(3).b\n",
        ["6"],
    ),
    "init_subclass": (
        "class B:\n    R = {}\n    def __init_subclass__(cls, key=None, **kw):\n        super().__init_subclass__(**kw)\n        B.R[key] = cls\nclass A(B, key='z'):\n    k = 7\ndef load():\n    return B.R['z'].k\n",
        ["7"],
    ),
    "init_subclass name": (
        "class B:\n    R = {}\n    def __init_subclass__(cls, **kw):\n        cls.R[cls.__name__.lower()] = cls\nclass Sft(B):\n    k = 7\ndef load():\n    return B.R['sft']().k\n",
        ["7"],
    ),
    "super two args": (
        "class A:\n    def f(self):\n        return 1\nclass B(A):\n    def f(self):\n        return super(B, self).f() + 1\ndef load():\n    return B().f()\n",
        ["2"],
    ),
    "unbound super": (
        "class A:\n    def f(self):\n        return 1\nclass B(A):\n    def f(self):\n        return super().f() + 1\ndef load():\n    return B.f(B())\n",
        ["2"],
    ),
    "mro mixin": (
        "class A:\n    def f(self):\n        return ['A']\nclass M(A):\n    def f(self):\n        return ['M'] + super().f()\nclass N(A):\n    def f(self):\n        return ['N'] + super().f()\nclass C(M, N):\n    pass\ndef load():\n    return C().f()\n",
        ["['M', 'N', 'A']"],
    ),
    "pydantic": (
        "from pydantic import BaseModel, Field\nclass C(BaseModel):\n    r: int = Field(default=3)\ndef load():\n    return [C().r, C(r=4).model_dump()]\n",
        ["[3, {'r': 4}]"],
    ),
    "pydantic validator": (
        "from pydantic import BaseModel, field_validator\nclass C(BaseModel):\n    r: int = 3\n    @field_validator('r')\n    @classmethod\n    def v(cls, x):\n        return x + 1\ndef load():\n    return C(r=4).r\n",
        ["5"],
    ),
    "flag auto": (
        "from enum import Flag, auto\nclass F(Flag):\n    A = auto()\n    B = auto()\ndef load():\n    f = F.A\n    return [1 if f & F.B else 0, 1 if F.A in f else 0]\n",
        ["[0, 1]"],
    ),
    "intflag": (
        "import enum\nclass F(enum.IntFlag):\n    A = 1\n    B = 2\ndef load():\n    f = F.A | F.B\n    return [bool(f & F.B), 1 if F.B in f else 0, 5 if f & F.A else 6]\n",
        ["[True, 1, 5]"],
    ),
    "attrdict get": (
        "class AD(dict):\n    __getattr__ = dict.get\ndef load():\n    return [AD({'a': 1}).a, AD({'a': 1}).b]\n",
        ["[1, None]"],
    ),
    "list subclass": (
        "class L(list):\n    def first(self):\n        return self[0]\ndef load():\n    x = L([4, 5])\n    x.append(6)\n    return [x.first(), [v for v in x], len(x)]\n",
        ["[4, [4, 5, 6], 3]"],
    ),
    "str subclass": (
        "class P(str):\n    def tag(self):\n        return self + ' <a>'\ndef load():\n    return P('q').tag()\n",
        ["'q <a>'"],
    ),
    "fields of the class": (
        "from dataclasses import dataclass, field\nfrom typing import ClassVar\n@dataclass\nclass C:\n    known: ClassVar[dict] = {}\n    made: list = field(init=False, default=4)\n    a: int = 1\ndef load():\n    c = C(5)\n    return [c.a, c.made]\n",
        ["[5, 4]"],
    ),
    "validators in a class": (
        "from dataclasses import dataclass, fields\nclass S:\n    checks = {}\n    def __init_subclass__(cls):\n        merged = {}\n        for base in reversed(cls.__mro__):\n            merged.update(vars(base).get('checks', {}))\n        cls.checks = merged\n    def __post_init__(self):\n        for f in fields(self):\n            check = self.checks.get(f.name)\n            if check is not None:\n                object.__setattr__(self, f.name, check(getattr(self, f.name)))\n@dataclass(frozen=True)\nclass A(S):\n    a: int = 1\n    checks = {'a': lambda v: v + 1}\n@dataclass(frozen=True)\nclass B(A):\n    b: int = 2\n    checks = {'b': lambda v: v * 3}\ndef load():\n    return [B().a, B().b]\n",
        ["[2, 6]"],
    ),
    "super of another class": (
        "class A:\n    def f(self):\n        return super(ask(), self).f()\ndef load():\n    return A().f()\n",
        [".f()"],
    ),
    "inheritance": (
        "class A:\n    def __init__(self, x): self.x = x\n    def f(self): return self.x\nclass B(A):\n    def f(self): return [super().f(), 'B']\ndef load():\n    return B(1).f()\n",
        ["[1, 'B']"],
    ),
    "record": (
        "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n    y: int = 2\n    z: list = field(default_factory=list)\n    w: int = field(default=3)\n    def __post_init__(self): self.w = 4\ndef load():\n    return [P(1).x, P(1).y, P(1).z, P(y=5).x]\n",
        ["[1, 2, [], Unknown x]"],
    ),
    "callable object": (
        "class A:\n    def __call__(self, x): return x\ndef load():\n    return A()(1)\n",
        ["1"],
    ),
    "foreign base": (
        "from torch import nn\nclass B(nn.Module):\n    def __init__(self): super().__init__()\ndef load():\n    return B().base\n",
        ["Part base"],
    ),
    "foreign super method": (
        "from torch import nn\nclass B(nn.Module):\n    def go(self): return super().go()\ndef load():\n    return B().go()\n",
        [".go()"],
    ),
    "super outside": ("super().x", ["Part x"]),
    "super of something else": (
        "class A:\n    def f(self): return super()\ndef load():\n    return functools.partial(A.f, 1)()",
        ["Unknown super()"],
    ),
    "typed dict": (
        "from typing import TypedDict\nclass Row(TypedDict):\n    x: int\ndef load():\n    return Row(x=1)\n",
        ["{'x': 1}"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """An object has what its class and its arguments give it."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
