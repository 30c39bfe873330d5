"""What something is: ``isinstance``, ``hasattr``, ``type``. Decided where it is known, else noted as foreign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .known_builtins import names_of
from .symbolic_things import Const, Many, Object, Outside, Table, Text
from .symbolic_values import constant, held

if TYPE_CHECKING:
    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value
    from .symbolic_things import Thing

BUILT_IN = {"str", "int", "float", "bool", "dict", "list", "tuple", "set", "bytes"}


def _isinstance(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """Decided for constants and texts, lists, dicts and objects of the tree."""
    if len(args) != 2 or len(args[0]) != 1:  # noqa: PLR2004
        return None
    thing = args[0][0].thing
    wanted = [choice.thing for value in (on.elements(args[1]) or [args[1]]) for choice in value]
    names = {one.name for one in wanted if isinstance(one, Outside)}
    inner = held(args[0][0]).thing
    if isinstance(thing, Object):
        inside = any(one in thing.kind.order() for one in wanted) or _kind_of(inner) in names
        return (
            on.make(Const(value=True), site)
            if inside
            else (on.make(Const(value=False), site) if not thing.kind.foreign() else None)
        )
    kind = _kind_of(thing)
    if isinstance(thing, Many) and names and names <= BUILT_IN - {"list", "tuple", "set"}:
        return on.make(Const(value=False), site)
    if kind and names <= BUILT_IN and names:
        return on.make(Const(kind in names), site)
    return None


def _kind_of(thing: Thing) -> str:
    """The name of the built-in type of something; empty where it is another, or not known."""
    if isinstance(thing, Const):
        return type(thing.value).__name__
    return "str" if isinstance(thing, Text) else "dict" if isinstance(thing, Table) else ""


def _hasattr(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """Decided for objects of the tree that inherit from nothing foreign."""
    name = constant(args[1]) if len(args) == 2 else None  # noqa: PLR2004 - of what, which
    thing = args[0][0].thing if args and len(args[0]) == 1 else None
    if not isinstance(thing, Object) or not isinstance(name, str):
        return None
    has = name in names_of(thing)
    return None if not has and thing.kind.foreign() else on.make(Const(has), site)


def _type(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``type(self)``."""
    thing = args[0][0].thing if len(args) == 1 and len(args[0]) == 1 else None
    return on.make(thing.kind, site) if isinstance(thing, Object) else None


KINDS: dict[str, Known] = {
    "isinstance": _isinstance,
    "hasattr": _hasattr,
    "type": _type,
}
