"""Python's own functions are followed where what they give is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "deepcopy": (
        "import copy\ndef load():\n    a = {'x': {'y': 1}}\n    b = copy.deepcopy(a)\n    b['x']['y'] = 2\n    return a['x']['y']\n",
        ["1"],
    ),
    "vars ns": (
        "import argparse\ndef load():\n    p = argparse.ArgumentParser()\n    p.add_argument('--rank', default=8)\n    a = vars(p.parse_args([]))\n    return a['rank']\n",
        ["Part rank", "8"],
    ),
    "argparse **vars": (
        "import argparse\ndef f(rank, **k):\n    return rank\ndef load():\n    p = argparse.ArgumentParser()\n    p.add_argument('--rank', default=8)\n    return f(**vars(p.parse_args([])))\n",
        ["Part rank", "8"],
    ),
    "argparse ns": (
        "import argparse\ndef load():\n    a = argparse.Namespace(rank=8)\n    return [a.rank, vars(a)['rank']]\n",
        ["[8, 8]"],
    ),
    "copies": (
        "import copy\ndef load():\n    a = [{'x': 1}]\n    b = copy.copy(a)\n    b.append(2)\n    return [a, b, copy.copy(1), copy.copy(), copy.deepcopy(), vars(ask())]\n",
        ["[[{'x': 1}], [{'x': 1}, 2], 1, copy.copy(), copy.deepcopy(), vars()]"],
    ),
    "dict": (
        "[dict(a=1), dict([('a', 1)]), dict({'a': 1}, b=2), dict(ask()), dict(**ask())]",
        ["[{'a': 1}, {'a': 1}, {'a': 1, 'b': 2}, {...}, {...}]"],
    ),
    "lists": (
        "[list(), tuple([1]), sorted({'a': 1}), set(ask())]",
        ["[[], [1], ['a'], peft.ask()]"],
    ),
    "enumerate and zip": (
        "[list(enumerate(['a'])), list(zip([1], [2])), list(enumerate(ask())), list(zip(ask(), [1]))]",
        ["[[[0, 'a']], [[1, 2]], [[Unknown index, Part None], ...], [[Part None, 1], ...]]"],
    ),
    "map and filter": (
        "[list(map(str, [1, 2])), list(map(lambda x: x, ask())), list(filter(None, ask()))]",
        ["[['1', '2'], [Part None, ...], [Part None, ...]]"],
    ),
    "map of too little": (
        "[map(str), filter(str), enumerate(), zip()]",
        ["[map(), filter(), enumerate(), [[], ...]]"],
    ),
    "next": (
        "[next(iter([1])), next(ask(), 2), next()]",
        ["[1, Part None | 2, next()]"],
    ),
    "environment": (
        "[os.environ.get('A', 'b'), os.getenv('A')]",
        ["[os.environ.get() | 'b', os.environ.get()]"],
    ),
    "text": (
        "[str(), str(1), str(ask())]",
        ["['', '1', f'{}']"],
    ),
    "numbers": (
        "[float('nan'), int(3), float('x'), float(ask() or 0), float('2'), float()]",
        ["[nan, 3, float(), float(), 2.0, float()]"],
    ),
    "a number or none": (
        "float(1 if ask() else ask())",
        ["1?", "float()"],
    ),
    "isinstance": (
        "[isinstance('a', str), isinstance(1, (int, float)), isinstance({}, list), isinstance(ask(), str), isinstance(1)]",
        ["[True, True, False, isinstance(), isinstance()]"],
    ),
    "isinstance of ours": (
        "class A: pass\nclass B: pass\nclass C(ask.X): pass\ndef load():\n    return [isinstance(A(), A), isinstance(A(), B), isinstance(C(), A)]\n",
        ["[True, False, isinstance()]"],
    ),
    "partial": (
        "from functools import partial\ndef load():\n    return partial(lambda a, b: [a, b], 1)(b=2)\n",
        ["[1, 2]"],
    ),
    "partial of foreign": (
        "from functools import partial\ndef load():\n    return partial(ask, 1)\n",
        ["Native partial"],
    ),
    "method": (
        "def load():\n    from types import MethodType\n    return MethodType(lambda self, x: [self, x], 1)(2)\n",
        ["[1, 2]"],
    ),
    "cached": (
        "from functools import lru_cache, cache\n@lru_cache(maxsize=1)\ndef f(): return 1\n@cache\ndef h(): return 2\ndef load():\n    return [f(), h()]\n",
        ["[1, 2]"],
    ),
    "namespace": (
        "def load():\n    from types import SimpleNamespace\n    return SimpleNamespace(a=1).a\n",
        ["1"],
    ),
    "records": (
        "from dataclasses import dataclass, asdict, replace\n@dataclass\nclass P:\n    x: int\ndef load():\n    return [asdict(P(1)), replace(P(1), x=2).x, asdict(ask()), replace(ask())]\n",
        ["[{'x': 1}, 2, dataclasses.asdict(), dataclasses.replace()]"],
    ),
    "dedent": (
        "import textwrap\ndef load():\n    return [textwrap.dedent('  a'), textwrap.dedent(ask())]\n",
        ["['a', peft.ask()]"],
    ),
    "getattr": (
        "[getattr(ask, 'x'), getattr()]",
        ["[Outside peft.ask.x, getattr()]"],
    ),
    "setattr of unknown": (
        "setattr(ask, ask(), 1)",
        ["setattr()"],
    ),
    "any function of a class": (
        "class A:\n    @classmethod\n    def x(cls): return 1\n    y = 2\ndef load():\n    return [f() for f in [getattr(A, ask())]]\n",
        ["[1]"],
    ),
    "any function of a module": (
        "# file: other.py\ndef x(): return 1\n_y = 2\n# file: sft.py\nimport other, peft\ndef load():\n    return getattr(other, peft.ask())()\n",
        ["1"],
    ),
    "any function of nothing": (
        "getattr(ask(), ask())",
        ["getattr()"],
    ),
    "cast": (
        "from typing import cast\ndef load():\n    return [cast(int, 1), cast()]\n",
        ["[1, typing.cast()]"],
    ),
    "foreign import": (
        "import importlib\ndef load():\n    return importlib.import_module(ask())\n",
        ["importlib.import_module()"],
    ),
    "fields": (
        "from dataclasses import dataclass, fields\n@dataclass\nclass P:\n    x: int = 1\n    y: int = 2\ndef load():\n    return [[getattr(P(), f.name) for f in fields(P)], [f.name for f in fields(P())], fields(ask())]",
        ["[[1, 2], ['x', 'y'], dataclasses.fields()]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """A call of these is worth its result, or is noted as foreign."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
