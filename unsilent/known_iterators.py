"""Iterators, orders and lengths: ``iter``, ``next``, ``reversed``, ``sorted``, ``len``.

Which rung of a ladder is taken, and what a list of names is worth, is decided here where code writes the list down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .known_builtins import list_of
from .symbolic_notes import Guard
from .symbolic_things import Const, Many, Table
from .symbolic_values import constant, guarded, held, is_certain, is_literal, join

if TYPE_CHECKING:
    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value


def _iter(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """An iterator over a list is used up without the list."""
    whole = on.elements(args[0]) if args else None
    return on.make(Many(list(whole)), site) if whole is not None else args[0] if args else None


def _next(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """The first of an iterator; of those that stand under conditions the first whose condition holds."""
    if not args:
        return None
    thing = args[0][0].thing if len(args[0]) == 1 else None
    if not isinstance(thing, Many) or on.depth > thing.born or not thing.items:
        return join(on.element(args[0], site), *args[1:])
    if is_certain(thing.items[0]):
        return thing.items.pop(0)
    found: list[Value] = []
    passed: tuple[Guard, ...] = ()
    for item in thing.items:
        found.append(guarded(item, *passed))
        if is_certain(item):
            return join(*found)
        passed += _denied(item)
    return join(*found, *(guarded(default, *passed) for default in args[1:]))


def _denied(item: Value) -> tuple[Guard, ...]:
    """That the condition does not hold under which an element is the one, where it has one condition."""
    conditions = {id(guard): guard for choice in item for guard in choice.guards}
    only = next(iter(conditions.values())) if len(conditions) == 1 else None
    return (Guard(only.kind, only.test, not only.holds, only.site),) if only and only.kind == "if" else ()


def _reversed(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    known = on.elements(args[0]) if args else None
    return list_of(on, args, kwargs, site) if known is None else on.make(Many(known[::-1]), site)


def _sorted(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """Texts or numbers that are written down come in their order; of all else it is not known."""
    known = on.elements(args[0]) if args else None
    pairs = [(constant(item), item) for item in known or ()]
    for kind in (str, int):
        if pairs and not kwargs and all(type(key) is kind for key, _ in pairs):
            return on.make(Many([item for _, item in sorted(pairs, key=lambda pair: pair[0])]), site)  # type: ignore[arg-type, return-value]
    if known is not None and len(known) > 1:
        return on.make(Many([join(*known)] * len(known)), site)
    return list_of(on, args, {}, site)


def _len(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """The length of what is written down in the code; how many questions somebody asks is not known."""
    thing = held(args[0][0]).thing if args and len(args[0]) == 1 else None
    if isinstance(thing, Const) and isinstance(thing.value, str | bytes):
        return on.make(Const(len(thing.value)), site)
    if isinstance(thing, Many | Table) and is_literal(thing):
        return on.make(Const(len(thing.items)), site)
    return None


ITERATORS: dict[str, Known] = {
    "iter": _iter,
    "next": _next,
    "reversed": _reversed,
    "sorted": _sorted,
    "len": _len,
}
