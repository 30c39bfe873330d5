"""Regular expressions with a constant pattern on a constant text: what they find, and what they put for it.

Somebody else's pattern may take for ever, so only short texts are searched, and only with patterns that have few
repetitions and none inside another. What is not known stays a foreign call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .symbolic_arithmetic import pieces
from .symbolic_things import Const, Function, Many, Native, Outside, Result, Table
from .symbolic_values import constant, things

if TYPE_CHECKING:
    from collections.abc import Callable

    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Choice, Site, Value

    Search = Callable[[Calls, Value, Args, Kwargs, Site], Value | None]

LONGEST_SEARCHED = 256  # characters of a text
MOST_REPETITIONS = 3  # of a pattern: 256 to this power is what a search may take, 0.5 s
MOST_WAYS = 26  # as a power of 2: a repetition has 256 ways at most, an optional part or an alternative 2
MOST_REPLACED = 16  # places of a text that are replaced by what a function says
REPEATED_GROUP = re.compile(r"\)[*+?{]|\\\d|\(\?[P<=!(]")  # and references, and looks around


def _pattern(value: Value, flags: Value) -> re.Pattern[str] | None:
    """A pattern that is known and harmless."""
    thing = value[0].thing if len(value) == 1 else None
    if isinstance(thing, Result) and thing.call.last == "compile" and thing.call.args:
        return _pattern(thing.call.args[0], thing.call.argument("flags", 1))
    known, names = constant(value), [one.name for one in things(flags) if isinstance(one, Outside)]
    if not isinstance(known, str) or len(names) != len(flags) or len(known) > LONGEST_SEARCHED:
        return None
    plain = re.sub(r"\\[^\d]", "", known)
    repetitions, either = len(re.findall(r"[*+{]", plain)), len(re.findall(r"(?<![*+?}(])\?|\|", plain))
    is_long = repetitions > MOST_REPETITIONS or 8 * repetitions + either > MOST_WAYS
    if REPEATED_GROUP.search(plain.replace("(?P<", "(")) or is_long:
        return None
    try:
        return re.compile(known, sum(getattr(re, name.rpartition(".")[2]) for name in names))
    except (re.error, AttributeError, TypeError, OverflowError, RecursionError):
        return None


def _text(value: Value) -> str | None:
    known = constant(value)
    return known if isinstance(known, str) and len(known) <= LONGEST_SEARCHED else None


def _found(on: Calls, match: re.Match[str] | None, site: Site) -> Value:
    """A match as a dict: its groups by number and by name."""
    if match is None:
        return on.make(Const(None), site)
    groups = [(0, match[0]), *enumerate(match.groups(), start=1), *match.groupdict().items()]
    return on.make(Table({key: on.make(Const(text), site) for key, text in groups}), site)


def _searching(name: str) -> Callable[[Calls, Value, Args, Kwargs, Site], Value | None]:
    def search(on: Calls, given: Value, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
        pattern, text = _pattern(given, kwargs.get("flags", ())), _text(args[0] if args else kwargs.get("string", ()))
        if pattern is None or text is None or len(args) > 1:
            return None
        return _found(on, getattr(pattern, name)(text), site)

    return search


def _findall(on: Calls, given: Value, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    pattern, text = _pattern(given, ()), _text(args[0] if args else ())
    if pattern is None or text is None or len(args) > 1 or pattern.groups > 1:
        return None
    return on.make(Many([on.make(Const(one), site) for one in pattern.findall(text)]), site)


def _sub(on: Calls, given: Value, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """What is found is replaced by a text, or by what a function says of each match."""
    pattern, text = _pattern(given, ()), _text(args[1]) if len(args) == 2 else None  # noqa: PLR2004 - what, where
    if pattern is None or text is None or kwargs:
        return None
    by, known = things(args[0]), constant(args[0])
    matches = list(pattern.finditer(text))
    if not matches:
        return args[1]
    if isinstance(known, str) and "\\" not in known:
        return on.make(Const(pattern.sub(lambda _: known, text)), site)
    if not all(isinstance(one, Function | Native) for one in by) or len(matches) > MOST_REPLACED:
        return None
    parts: list[str | Value] = []
    end = 0
    for match in matches:
        said = on.call(args[0], (_found(on, match, site),), {}, site)
        parts += [text[end : match.start()], *pieces(said)]
        end = match.end()
    return on.text([*parts, text[end:]], site)


def _group(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``match.group(1)``."""
    if not isinstance(of.thing, Table) or 0 not in of.thing.items:
        return None
    found = [on.item((of,), key, site) for key in args or (on.make(Const(0), site),)]
    return found[0] if len(found) == 1 else on.make(Many(found), site)


def _groups(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not isinstance(of.thing, Table) or 0 not in of.thing.items:
        return None
    return on.make(Many([item for key, item in of.thing.items.items() if isinstance(key, int) and key > 0]), site)


SEARCHES = {
    "search": _searching("search"),
    "match": _searching("match"),
    "fullmatch": _searching("fullmatch"),
    "findall": _findall,
    "sub": _sub,
}


def _as_function(search: Search) -> Known:
    """``re.search(pattern, text)``."""
    return lambda on, args, kwargs, site: search(on, args[0], args[1:], kwargs, site) if args else None


def _as_method(search: Search) -> Callable[[Calls, Choice, Args, Kwargs, Site], Value | None]:
    """``pattern.search(text)``."""
    return lambda on, of, args, kwargs, site: search(on, (of,), args, kwargs, site)


EXPRESSIONS: dict[str, Known] = {f"re.{name}": _as_function(search) for name, search in SEARCHES.items()}
MATCHES = {name: _as_method(search) for name, search in SEARCHES.items()} | {"group": _group, "groups": _groups}
