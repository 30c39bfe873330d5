"""Functions of functions are followed."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "named as what it wraps": (
        "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a)\n    return inner\n@deco\ndef load():\n    return load\n",
        ["Function load"],
    ),
    "wraps something else": (
        "def load():\n    def f():\n        return 1\n    return [functools.update_wrapper(f, ask())(), functools.wraps(ask())(f)(), functools.update_wrapper(f)()]\n",
        ["[1, 1, 1]"],
    ),
    "partial": (
        "from functools import partial\ndef load():\n    return [partial(lambda a, b: [a, b], 1)(b=2), partial(ask.f, 1)(2), partial(dict, a=1)(b=2), partial()]\n",
        ["[[1, 2], peft.ask.f(), {'a': 1, 'b': 2}, functools.partial()]"],
    ),
    "reduce": (
        "from functools import reduce\nadd = lambda a, b: a + b\ndef load():\n    return [reduce(add, [1, 2, 3]), reduce(add, [1], 4), reduce(lambda a, b: [a, b], ask(), 0), reduce(add, []), reduce(add)]\n",
        ["[6, 5, 0 | [0, Part None], functools.reduce(), functools.reduce()]"],
    ),
    "single dispatch": (
        "from functools import singledispatch\n@singledispatch\ndef f(x): return 'any'\n@f.register(int)\ndef _(x): return 'int'\n@f.register\ndef _(x: str): return 'str'\ndef load():\n    return [f(1), singledispatch()]\n",
        ["['any' | 'int' | 'str', functools.singledispatch()]"],
    ),
    "getters": (
        "import operator\nclass A: x = 1; y = {'z': 2}\nclass B: a = A\ndef load():\n    return [operator.itemgetter('a')({'a': 1}), operator.itemgetter(0, 1)([1, 2]), operator.attrgetter('a.x')(B), operator.methodcaller('get', 'b', 3)({}), operator.methodcaller(ask()), operator.itemgetter(0)()]\n",
        ["[1, [1, 2], 1, 3, operator.methodcaller(), ]"],
    ),
    "operators": (
        "import operator\ndef load():\n    return [operator.add(1, 2), operator.mul(2, 3), operator.getitem([4], 0), operator.add(1), operator.getitem()]\n",
        ["[3, 6, 4, operator.add(), operator.getitem()]"],
    ),
    "chain": (
        "from itertools import chain\ndef load():\n    return [list(chain([1], (2,))), list(chain.from_iterable([[1], [2]])), chain.from_iterable()]\n",
        ["[[1, 2], [1, 2], []]"],
    ),
    "rows": (
        "import itertools\ndef load():\n    return [list(itertools.product([1, 2], 'x'.split())), list(itertools.starmap(lambda a, b: a + b, [(1, 2)])), itertools.starmap(ask), itertools.pairwise([1, 2]), itertools.permutations([1], ask()), itertools.pairwise()]\n",
        [
            "[[[1, 'x'], [2, 'x']], [3], itertools.starmap(), [[1 | 2, 1 | 2], ...], [[1, ...], ...], itertools.pairwise()]"
        ],
    ),
    "some": (
        "import itertools\ndef load():\n    return [itertools.islice([1, 2], 1), itertools.islice(), list(itertools.repeat('a', 2)), itertools.repeat('a')]\n",
        ["[[1 | 2, ...], itertools.islice(), ['a', 'a'], ['a', ...]]"],
    ),
    "nothing to manage": (
        "import contextlib\ndef load():\n    return [contextlib.contextmanager(ask), contextlib.contextmanager()]\n",
        ["[Outside peft.ask, contextlib.contextmanager()]"],
    ),
    "hooks": (
        "def load():\n    seen = []\n    w = ask()\n    w.register_hook(functools.partial(lambda s, g: s.append(g), seen))\n    w.register_hook(ask.scrub)\n    return seen\n",
        ["[Unknown lambda.g, ...]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """What they make is called, and gives what it would."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
