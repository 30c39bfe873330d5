"""What is managed is entered before the body is read, and left after it."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "manager of ours": (
        "class A:\n    def __init__(self): self.x = 1\n    def __enter__(self):\n        self.x = 2\n        return 'entered'\n    def __exit__(self, *why): self.x = 3\ndef load():\n    a = A()\n    with a as e: inside = a.x\n    return [e, inside, a.x]\n",
        ["['entered', 2, 3]"],
    ),
    "generator": (
        "import contextlib\n@contextlib.contextmanager\ndef patched(of, name='x'):\n    before = of[name]\n    of[name] = 'new'\n    try:\n        yield before\n    finally:\n        of[name] = before\ndef load():\n    d = {'x': 'old'}\n    with patched(d) as was, patched(d, 'x') as again: inside = d['x']\n    return [was, again, inside, d]\n",
        ["['old', 'new', 'new', {'x': 'old'}]"],
    ),
    "return from inside": (
        "from contextlib import contextmanager\n@contextmanager\ndef timed():\n    yield\n    ask('after')\ndef load():\n    with timed(): return 1\n    return 2\n",
        ["1"],
    ),
    "generator that yields in two branches": (
        "from contextlib import contextmanager\n@contextmanager\ndef mode():\n    if ask(): yield 1\n    else: yield 2\ndef load():\n    found = []\n    with mode() as m: found.append(m)\n    return found\n",
        ["[1?, 2?, ...]"],
    ),
    "generator that never yields": (
        "from contextlib import contextmanager\n@contextmanager\ndef empty():\n    pass\ndef load():\n    with empty() as e: x = 1\n    return [x, e]\n",
        ["[1, Unknown entered]"],
    ),
    "method that manages": (
        "from contextlib import contextmanager\nclass A:\n    @contextmanager\n    def inner(self):\n        self.on = True\n        yield self\n        self.on = False\ndef load():\n    a = A()\n    with a.inner() as b: inside = b.on\n    return [inside, a.on]\n",
        ["[True, False]"],
    ),
    "stack": (
        "from contextlib import ExitStack, contextmanager, nullcontext, closing\nclass A:\n    def __enter__(self): return 'A'\n@contextmanager\ndef g():\n    yield 'g'\n    ask.never()\n@contextmanager\ndef h():\n    pass\ndef load():\n    seen = []\n    with ExitStack() as stack:\n        stack.callback(seen.append, 'called')\n        return [stack.enter_context(A()), stack.enter_context(g()), stack.enter_context(h()), stack.enter_context(nullcontext(1)), stack.enter_context(closing(2)), seen, stack.enter_context()]\n",
        ["['A', 'g', Unknown entered, 1, 2, ['called'], .enter_context()]"],
    ),
    "suppressed": (
        "from contextlib import suppress\ndef load():\n    x = 0\n    with suppress(ValueError): x = ask()\n    return x\n",
        ["0", "peft.ask()"],
    ),
    "suppressed, or returned before": (
        "import contextlib\ndef load():\n    x = 0\n    with contextlib.suppress(ValueError): return ask()\n    return x\n",
        ["peft.ask()", "0"],
    ),
    "callback of something else": ("ask().callback(1)", [".callback()"]),
    "foreign manager": ("def load():\n    with open('x') as f, ask(): return f\n", ["open()"]),
    "suppress": (
        "import contextlib\ndef load():\n    with contextlib.suppress(ValueError): return 1\n    return 2\n",
        ["1", "2"],
    ),
    "generator that yields in many branches": (
        "from contextlib import contextmanager\n@contextmanager\ndef mode():\n    if ask(): yield 1\n    elif ask(): yield 2\n    else: yield 3\ndef load():\n    found = []\n    with mode() as m: found.append(m)\n    return found\n",
        ["[1?, 2?, ...]"],
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: list[str]) -> None:
    """Inside holds what entering did, afterwards what leaving did."""
    assert snippets.told(snippets.value_of(tmp_path, code)) == expected
