"""Python's own functions of constants: ``any``, ``all``, ``bool``, ``min``, ``round``, and texts that spell settings.

Each decides only where all it is given is written down in the code; else the call is noted as foreign.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from .symbolic_arithmetic import LONGEST_CONSTANT, truth
from .symbolic_things import Const, Many, Table
from .symbolic_values import constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value

DEEPEST_SETTINGS = 20  # lists in lists in a text


def _bool(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    decided = truth(args[0]) if args else False
    return None if decided is None else on.make(Const(decided), site)


def _quantified(wanted: bool) -> Known:  # noqa: FBT001 - the truth that ends it
    """``any`` and ``all`` of elements whose truth is known."""

    def known(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
        elements = on.elements(args[0]) if args else None
        found = [truth(element) for element in elements or ()]
        if elements is None or (None in found and wanted not in found):
            return None
        return on.make(Const(wanted if wanted in found else not wanted), site)

    return known


def _calculated(function: Callable[..., Any]) -> Known:
    """A function of numbers, one by one or in a list."""

    def known(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
        inner = on.elements(args[0]) if len(args) == 1 else None
        numbers = [constant(value) for value in (inner if inner is not None else args)]
        if kwargs or not numbers or not all(isinstance(one, int | float) for one in numbers):
            return None
        try:
            return on.make(Const(function(numbers) if inner is not None else function(*numbers)), site)
        except (TypeError, ValueError, OverflowError):
            return None

    return known


def _from_keys(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``dict.fromkeys(names, value)``."""
    names = on.elements(args[0]) if args else None
    if names is None:
        return None
    made = Table()
    for name in names:
        on.put(made, name, args[1] if len(args) > 1 else on.make(Const(None), site), strongly=True)
    return on.make(made, site)


def spelled(parse: Callable[[str], object]) -> Known:
    """A text in the code that spells a dict or list."""

    def known(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
        text = constant(args[0]) if len(args) == 1 and not kwargs else None
        if not isinstance(text, str) or len(text) > LONGEST_CONSTANT or text.count("[") > DEEPEST_SETTINGS:
            return None
        try:
            return as_value(on, parse(text), site)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None

    return known


def as_value(on: Calls, content: object, site: Site) -> Value:
    """What was parsed, as a value."""
    if isinstance(content, dict):
        return on.make(Table({key: as_value(on, inner, site) for key, inner in content.items()}), site)
    if isinstance(content, list | tuple):
        return on.make(Many([as_value(on, inner, site) for inner in content]), site)
    return on.make(Const(content), site)


CONSTANTS: dict[str, Known] = {
    "bool": _bool,
    "any": _quantified(wanted=True),
    "all": _quantified(wanted=False),
    "min": _calculated(min),
    "max": _calculated(max),
    "abs": _calculated(abs),
    "round": _calculated(round),
    "dict.fromkeys": _from_keys,
    "ast.literal_eval": spelled(ast.literal_eval),
}
