"""Whether two values were computed in the same way, and what a value may be, list by list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .symbols import (
    Const,
    Many,
    Op,
    Outside,
    Part,
    Result,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .symbols import Choice, Thing, Value


def leaves(value: Value) -> Iterator[Choice]:
    """Yield the alternatives of a value, through lists, ``or`` and ``and``."""
    left, seen = list(reversed(value)), set[int]()
    while left:
        choice = left.pop()
        if id(choice.thing) in seen:
            continue
        seen.add(id(choice.thing))
        thing = choice.thing
        if isinstance(thing, Many):
            left += [inner for item in reversed(thing.items) for inner in reversed(item)]
        elif isinstance(thing, Op) and thing.name in {"or", "and"}:
            left += [inner for item in reversed(thing.operands) for inner in reversed(item)]
        else:
            yield choice


def alike(a: Value, b: Value, depth: int = 6) -> bool:
    """Whether two values were computed in the same way from the same things."""
    if a is b:
        return True
    if len(a) != len(b) or depth == 0:
        return False
    return all(_alike(x.thing, y.thing, depth) for x, y in zip(a, b, strict=True))


def _alike(a: Thing, b: Thing, depth: int) -> bool:  # noqa: PLR0911 - one for each kind
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, Const) and isinstance(b, Const):
        return a.value == b.value
    if isinstance(a, Outside) and isinstance(b, Outside):
        return a.name == b.name
    if isinstance(a, Op) and isinstance(b, Op):
        return a.name == b.name and _all_alike(a.operands, b.operands, depth)
    if isinstance(a, Part) and isinstance(b, Part):
        return a.kind == b.kind and alike(a.of, b.of, depth - 1) and alike(a.key, b.key, depth - 1)
    if isinstance(a, Text) and isinstance(b, Text):
        pairs = list(zip(a.parts, b.parts, strict=False))
        return len(a.parts) == len(b.parts) and all(
            x == y if isinstance(x, str) or isinstance(y, str) else alike(x, y, depth - 1) for x, y in pairs
        )
    if isinstance(a, Result) and isinstance(b, Result):
        x, y = a.call, b.call
        same = x.name == y.name and alike(x.receiver, y.receiver, depth - 1)
        return same and _all_alike(x.args, y.args, depth)
    return False


def _all_alike(a: tuple[Value, ...], b: tuple[Value, ...], depth: int) -> bool:
    return len(a) == len(b) and all(alike(x, y, depth - 1) for x, y in zip(a, b, strict=True))
