"""Methods of strings that are followed instead of noted; of anything else they give None."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any

from .symbolic_arithmetic import LONGEST_CONSTANT, LONGEST_LIST, is_text, merge_tables, pieces
from .symbolic_notes import Choice
from .symbolic_things import Const, Many, Result, Table, Text, Unknown
from .symbolic_values import constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from .known_builtins import Args, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value


def _format(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    template = of.thing.value if isinstance(of.thing, Const) else None
    if not isinstance(template, str):
        return None
    parts: list[str | Value] = []
    number = 0
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError:
        return None
    for literal, name, _, _ in fields:
        parts.append(literal)
        if name is None:
            continue
        key = re.split(r"[.\[]", name)[0]
        if not key:
            key, number = str(number), number + 1
        if key.isdigit():
            value = args[int(key)] if int(key) < len(args) else ()
        else:
            value = kwargs.get(key, kwargs.get("**", ()))
        for dot, attribute, entry in re.findall(r"(\.)(\w+)|\[([^]]+)\]", name[len(key) :]) if value else ():
            value = on.attribute(value, attribute, site) if dot else on.item(value, on.make(Const(entry), site), site)
        parts += pieces(value) if value else [on.make(Unknown(name), site)]
    return on.text(parts, site)


def _format_map(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``template.format_map(names)``."""
    given = Table()
    for value in args:
        merge_tables(given, value)
    return _format(on, of, (), {str(name): value for name, value in given.items.items()}, site)


def _strip(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """The ends of a text that are known lose their space; a hole is taken to have none."""
    thing = of.thing
    if args:
        return (of,) if is_text(thing) else None
    if isinstance(thing, Const) and isinstance(thing.value, str):
        return on.make(Const(thing.value.strip()), site)
    if isinstance(thing, Text):
        parts = list(thing.parts)
        parts[0] = parts[0].lstrip() if isinstance(parts[0], str) else parts[0]
        parts[-1] = parts[-1].rstrip() if isinstance(parts[-1], str) else parts[-1]
        return on.make(Text(tuple(part for part in parts if part != "")), site)
    return None


def _rstrip(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    thing = of.thing
    if isinstance(thing, Text) and not args:
        parts = list(thing.parts)
        parts[-1] = parts[-1].rstrip() if isinstance(parts[-1], str) else parts[-1]
        return on.make(Text(tuple(part for part in parts if part != "")), site)
    if isinstance(thing, Const) and isinstance(thing.value, str) and not args:
        return on.make(Const(thing.value.rstrip()), site)
    return None


def _join(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    between = of.thing.value if isinstance(of.thing, Const) else None
    known = on.elements(args[0]) if args else None
    known = _but_empty(args[0]) if args and known is None else known
    if not isinstance(between, str) or known is None:
        return None
    parts: list[str | Value] = []
    for number, value in enumerate(known):
        parts += ([between] if number else []) + pieces(value)
    return on.text(parts, site)


def _but_empty(value: Value) -> list[Value] | None:
    """The items of ``[part for part in parts if part]``: it is assumed that an unknown text is not empty."""
    thing = value[0].thing if len(value) == 1 else None
    if not isinstance(thing, Many) or thing.whole:
        return None
    own = {id(choice.thing) for item in thing.items for choice in item}
    tests = [(guard, test) for item in thing.items for choice in item for guard in choice.guards for test in guard.test]
    only_itself = all(guard.kind == "if" and guard.holds and id(test.thing) in own for guard, test in tests)
    return thing.items if tests and only_itself else None


def _replace_text(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """A placeholder that is replaced by something unknown leaves a hole."""
    old = constant(args[0]) if args else None
    if len(args) < 2 or not isinstance(old, str) or not old or not is_text(of.thing):  # noqa: PLR2004
        return None
    parts: list[str | Value] = []
    for piece in pieces((Choice(of.thing, of.site),)):
        if isinstance(piece, str):
            for number, between in enumerate(piece.split(old)):
                parts += (pieces(args[1]) if number else []) + [between]
        else:
            parts.append(piece)
    return on.text(parts, site)


def _plain(name: str) -> Callable[[Calls, Choice, Args, Kwargs, Site], Value | None]:
    """A method of a constant string with constant arguments, which Python itself can answer."""

    def method(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
        known: list[Any] = [constant(value) for value in args]
        if any(isinstance(one, int) and one > LONGEST_CONSTANT for one in known):
            return None
        if not (isinstance(of.thing, Const) and isinstance(of.thing.value, str)) or None in known or kwargs:
            return (of,) if isinstance(of.thing, Text) and name in {"lower", "upper", "capitalize"} else None
        try:
            done = getattr(of.thing.value, name)(*known)
        except (TypeError, ValueError):
            return None
        if isinstance(done, list):
            if len(done) > LONGEST_LIST:
                return None
            return on.make(Many([on.make(Const(one), site) for one in done]), site)
        return on.make(Const(done), site)

    return method


def _substitute(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``string.Template("$a").substitute(a=...)``."""
    made = of.thing.call if isinstance(of.thing, Result) else None
    template = constant(made.argument("template", 0)) if made is not None and made.last == "Template" else None
    if not isinstance(template, str):
        return None
    given = Table()
    for value in args:
        merge_tables(given, value)
    parts: list[str | Value] = []
    for number, piece in enumerate(re.split(r"\$\{?(\w+)\}?", template)):
        hole = kwargs.get(piece) or given.items.get(piece) or on.make(Unknown(piece), site)
        parts += pieces(hole) if number % 2 else [piece]
    return on.text(parts, site)


TEXTS: dict[str, Callable[[Calls, Choice, Args, Kwargs, Site], Value | None]] = {
    "format": _format,
    "format_map": _format_map,
    "strip": _strip,
    "rstrip": _rstrip,
    "join": _join,
    "replace": _replace_text,
    "substitute": _substitute,
    "safe_substitute": _substitute,
    **{
        name: _plain(name)
        for name in (
            "lower",
            "upper",
            "capitalize",
            "split",
            "startswith",
            "endswith",
            "lstrip",
            "title",
            "removeprefix",
            "removesuffix",
            "splitlines",
            "partition",
            "rpartition",
        )
    },
}
