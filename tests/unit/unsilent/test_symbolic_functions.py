"""Functions of the tree are followed, with their defaults and conditions."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "recursive merge": (
        "def m(a, b):\n    for k, v in b.items():\n        if isinstance(v, dict) and k in a:\n            m(a[k], v)\n        else:\n            a[k] = v\n    return a\ndef load():\n    return m({'x': {'y': 1, 'z': 2}}, {'x': {'y': 5}})['x']\n",
        ["{'y': 5, 'z': 2}"],
    ),
    "goes down into dicts": (
        "def wrap(v):\n    return {k: wrap(i) for k, i in v.items()} if isinstance(v, dict) else [wrap(i) for i in v] if isinstance(v, list) else v\ndef load():\n    return [wrap({'a': {'b': 1}}), wrap({'a': 3}), (lambda: wrap([{'a': 1}]))()]\n",
        ["[{'a': {'b': 1}}, {'a': 3}, [{'a': 1}]? | [{'a': 1}]?]"],
    ),
    "comes back with as much": (
        "def f(v):\n    return f(v)\ndef load():\n    return f({'a': 1})\n",
        ["Unknown recursion"],
    ),
    "circle": (
        "def f(v):\n    return f(v['a'])\ndef load():\n    d = {}\n    d['a'] = d\n    return f(d)\n",
        ["Unknown recursion"],
    ),
    "defaults": (
        "def f(a, b=2, *c, d=4, **e):\n    return [a, b, c, d, e]\ndef load():\n    return f(1)\n",
        ["[1, 2, [], 4, {}]"],
    ),
    "named and extra": (
        "def f(a, b=2, *c, d=4, **e):\n    return [a, b, c, d, e]\ndef load():\n    return f(1, 3, 5, d=6, e=7)\n",
        ["[1, 3, [5], 6, {'e': 7}]"],
    ),
    "unpacked": (
        "def f(a, b=2, d=4):\n    return [a, b, d]\ndef load():\n    return f(*[1, 2], **{'d': 3})\n",
        ["[1, 2, 3]"],
    ),
    "unknown options": (
        "def f(a, b=2, **c):\n    return [a, b, c]\ndef load():\n    return f(**ask())\n",
        ["[Unknown f.a, 2 | Part b, {...}]"],
    ),
    "unknown arguments": (
        "def f(*a):\n    return a\ndef load():\n    return f(*ask())\n",
        ["[Part None, ...]"],
    ),
    "early return": (
        "def f(a):\n    if a:\n        return 1\n    return 2\ndef load():\n    return f(ask())\n",
        ["1?", "2?"],
    ),
    "falls off": (
        "def f():\n    pass\ndef load():\n    return f()\n",
        ["None"],
    ),
    "generator": (
        "def f():\n    yield 1\n    yield from [2]\ndef load():\n    return f()\n",
        ["[1, 2]"],
    ),
    "recursion": (
        "def f(n):\n    return f(n - 1) if n else 0\ndef load():\n    return f(3)\n",
        ["Unknown recursion"],
    ),
    "closure": (
        "def make(a):\n    def inner(b): return [a, b]\n    return inner\ndef load():\n    return make(1)(2)\n",
        ["[1, 2]"],
    ),
    "deep": (
        "def f0(): return f1()\ndef f1(): return f2()\ndef f2(): return f3()\ndef f3(): return f4()\ndef f4(): return f5()\ndef f5(): return f6()\ndef f6(): return f7()\ndef f7(): return f8()\ndef f8(): return f9()\ndef f9(): return f10()\ndef f10(): return f11()\ndef f11(): return f12()\ndef f12(): return f13()\ndef f13(): return f14()\ndef f14(): return f15()\ndef f15(): return f16()\ndef f16(): return f17()\ndef f17(): return f18()\ndef f18(): return f19()\ndef f19(): return f20()\ndef f20(): return f21()\ndef f21(): return f22()\ndef f22(): return f23()\ndef f23(): return f24()\ndef f24(): return f25()\ndef f25(): return f26()\ndef f26(): return f27()\ndef f27(): return f28()\ndef f28(): return f29()\ndef f29(): return f30()\ndef f30(): return f31()\ndef f31(): return f32()\ndef f32(): return f33()\ndef f33(): return f34()\ndef f34(): return f35()\ndef f35(): return f36()\ndef f36(): return f37()\ndef f37(): return f38()\ndef f38(): return f39()\ndef f39(): return f40()\ndef f40(): return f41()\ndef f41(): return f42()\ndef f42(): return f43()\ndef f43(): return f44()\ndef f44(): return f45()\ndef f45(): return f46()\ndef f46(): return f47()\ndef f47(): return f48()\ndef f48(): return f49()\ndef f49(): return f50()\ndef f50(): return f51()\ndef f51(): return f52()\ndef f52(): return f53()\ndef f53(): return f54()\ndef f54(): return f55()\ndef f55(): return f56()\ndef f56(): return f57()\ndef f57(): return f58()\ndef f58(): return f59()\ndef f59(): return f60()\ndef f60(): return 1\ndef load(): return f0()\n",
        ["Unknown too deep"],
    ),
    "generator in a loop": (
        "def f():\n    for x in (1, 2): yield x\n    for y in ask(): yield y\ndef g():\n    yield from f()\n    yield from ask()\ndef load():\n    return [list(f()), list(g())]",
        ["[[1, 2, Part None?, ...], [1 | 2 | Part None?, Part None, ...]]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A call gives what the function returns, under the conditions under which it does."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
