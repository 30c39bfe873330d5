"""``operator``: Python's operators as functions, and functions that take something out of what they are given."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .symbolic_things import Many, Native, Op
from .symbolic_values import constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value


def _native(on: Calls, name: str, args: Args, site: Site, does: Callable[[Value], Value]) -> Value:
    return on.make(Native(name, args, lambda given, _named, _where: does(given[0]) if given else ()), site)


def _itemgetter(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return _native(
        on, "itemgetter", args, site, lambda of: _one_or_all(on, [on.item(of, key, site) for key in args], site)
    )


def _attrgetter(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    def got(of: Value) -> Value:
        found = []
        for name in args:
            value = of
            for part in str(constant(name)).split("."):
                value = on.attribute(value, part, site)
            found.append(value)
        return _one_or_all(on, found, site)

    return _native(on, "attrgetter", args, site, got)


def _methodcaller(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    name = constant(args[0]) if args else None
    if not isinstance(name, str):
        return None
    given = (*args, *kwargs.values())
    return _native(
        on, "methodcaller", given, site, lambda of: on.call(on.attribute(of, name, site), args[1:], kwargs, site)
    )


def _one_or_all(on: Calls, found: list[Value], site: Site) -> Value:
    return found[0] if len(found) == 1 else on.make(Many(found), site)


def _getitem(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return on.item(args[0], args[1], site) if len(args) == 2 else None  # noqa: PLR2004 - of what, which


def calculated(operation: ast.operator) -> Known:
    """An operator as a function."""

    def known(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
        return on.compute(operation, args[0], args[1], site) if len(args) == 2 else None  # noqa: PLR2004 - of two

    return known


def _contains(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``operator.contains(text, word)``."""
    return on.make(Op("in", (args[1], args[0])), site) if len(args) == 2 else None  # noqa: PLR2004 - where, what


OPERATORS: dict[str, Known] = {
    "operator.itemgetter": _itemgetter,
    "operator.attrgetter": _attrgetter,
    "operator.methodcaller": _methodcaller,
    "operator.getitem": _getitem,
    "operator.contains": _contains,
    "operator.add": calculated(ast.Add()),
    "operator.concat": calculated(ast.Add()),
    "operator.mul": calculated(ast.Mult()),
    "operator.sub": calculated(ast.Sub()),
    "operator.truediv": calculated(ast.Div()),
    "operator.or_": calculated(ast.BitOr()),
}
