"""Python's own functions that are followed instead of noted: ``getattr``, ``dict``, ``zip``, ``map``...

What code does with these decides which text reaches a tokenizer and which flag a trainer. Each function here takes the
reader, the arguments and the site, and gives a value, or None for: note it as foreign.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .symbolic_arithmetic import merge_tables, pieces
from .symbolic_collections import MOST_ROUNDS
from .symbolic_notes import Choice
from .symbolic_things import Class, Const, Function, Many, Object, Package, Table, Unknown
from .symbolic_values import constant, held, join

if TYPE_CHECKING:
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value

Args = tuple["Value", ...]
Kwargs = dict[str, "Value"]
Known = Callable[["Calls", Args, Kwargs, "Site"], "Value | None"]


def one_by_one(on: Calls, value: Value, site: Site) -> tuple[list[Value], bool]:
    """The elements of a list, and whether they are all; one that stands for each where they are not known."""
    known = on.elements(value)
    if known is not None and len(known) <= MOST_ROUNDS:
        return known, True
    return [on.element(value, site)], False


def _getattr(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    name = constant(args[1]) if len(args) > 1 else None
    if not isinstance(name, str):
        return any_method(on, args[0], site) if args else None
    surely = all(isinstance(choice.thing, Object | Class) and name in names_of(choice.thing) for choice in args[0])
    found = on.attribute(args[0], name, site)
    return found if surely or len(args) == 2 else join(found, args[2])  # noqa: PLR2004 - without a default


def any_method(on: Calls, value: Value, site: Site) -> Value | None:
    """``getattr(it, sys.argv[1])``: any public function of a module, class or object of the tree."""
    found: list[Choice] = []
    for choice in value:
        thing = choice.thing
        if isinstance(thing, Package):
            found += [one for name, inner in thing.frame.names.items() if name[0] != "_" for one in inner]
        elif isinstance(thing, Object | Class):
            kind = thing.kind if isinstance(thing, Object) else thing
            names = sorted({name for one in kind.order() for name in one.attrs if name[0] != "_"})
            found += [one for name in names for one in on.attribute((choice,), name, site)]
    functions = [
        one for one in found if isinstance(one.thing, Function) and (one.thing.bound or one.thing.owner is None)
    ]
    return tuple(functions) or None


def names_of(thing: Object | Class) -> set[str]:
    """The names of all attributes that an object or class of the tree has."""
    kind = thing.kind if isinstance(thing, Object) else thing
    return {*thing.attrs, *(name for one in kind.order() for name in one.attrs)}


def _setattr(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    name = constant(args[1]) if len(args) > 2 else None  # noqa: PLR2004 - of what, which, what
    if isinstance(name, str):
        on.store_attribute(args[0], name, args[2], site)
        return on.make(Const(None), site)
    return None


def _dict(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    made = Table()
    for value in args:
        pairs = on.elements(value)
        for pair in pairs or ():
            key_and_value = on.elements(pair)
            if key_and_value is not None and len(key_and_value) == 2:  # noqa: PLR2004 - a pair
                on.put(made, *key_and_value, strongly=True)
        if pairs is None and not any(isinstance(held(one).thing, Table) for one in value):
            pair = on.element(value, site)
            first, second = (on.item(pair, on.make(Const(number), site), site) for number in (0, 1))
            made.others.append((first, second))
        elif not made.items:
            merge_tables(made, value)
    for name, value in kwargs.items():
        if name == "**":
            made.others.append((value, value))
        else:
            made.items[name] = value
    return on.make(made, site)


def list_of(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``list(...)`` and its like: a list of something unknown is that thing."""
    made = Many()
    if args:
        thing = args[0][0].thing if len(args[0]) == 1 else None
        if isinstance(thing, Table):
            keys = [on.make(Const(key), site) for key in thing.items] + [key for key, _ in thing.others]
            made = Many(keys, whole=not thing.others)
        elif isinstance(thing, Many):
            on.extend(made, args[0], site)
        elif (known := on.elements(args[0])) is not None:
            made = Many(known)
        else:
            return args[0]
    return on.make(made, site)


def same(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """What gives back what it got."""
    return args[0] if args else None


def last(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """What gives back its last argument."""
    return args[-1] if args else None


def _enumerate(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not args:
        return None
    known = on.elements(args[0])
    rounds = known if known is not None else [on.element(args[0], site)]
    start = constant(args[1] if len(args) > 1 else kwargs.get("start", ())) or 0
    places = [
        Const(number + start) if known is not None and isinstance(start, int) else Unknown("index")
        for number in range(len(rounds))
    ]
    pairs = [on.make(Many([on.make(place, site), value]), site) for place, value in zip(places, rounds, strict=True)]
    return on.make(Many(pairs, whole=known is not None), site)


def _zip(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    known = [on.elements(value) for value in args]
    if args and all(one is not None for one in known):
        rows = [on.make(Many(list(row)), site) for row in zip(*(one or [] for one in known), strict=False)]
        return on.make(Many(rows), site)
    return on.make(Many([on.make(Many([on.element(value, site) for value in args]), site)], whole=False), site)


def _map(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if len(args) < 2:  # noqa: PLR2004 - a function and what it is applied to
        return None
    known = on.elements(args[1])
    rounds = known if known is not None and len(known) <= MOST_ROUNDS else [on.element(args[1], site)]
    extra = tuple(on.element(value, site) for value in args[2:])
    made = [on.call(args[0], (value, *extra), {}, site) for value in rounds]
    return on.make(Many(made, whole=rounds is known), site)


def _filter(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if len(args) < 2:  # noqa: PLR2004
        return None
    element = on.element(args[1], site)
    on.call(args[0], (element,), {}, site)
    return on.make(Many([element], whole=False), site)


def _str(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return on.text(pieces(on.as_text(args[0], site)), site) if args else on.make(Const(""), site)


def _number(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    numbers = [(one, number) for one in (args[0] if args else ()) if (number := _as_number(one)) is not None]
    rest = tuple(one for one in (args[0] if args else ()) if _as_number(one) is None)
    if not numbers:
        return None
    found = tuple(replace(one, thing=Const(number)) for one, number in numbers)
    return join(found, on.foreign("float", (), (rest, *args[1:]), kwargs, site)) if rest else found


def _as_number(choice: Choice) -> float | None:
    """The number that a constant is, or that a constant text spells."""
    known = choice.thing.value if isinstance(choice.thing, Const) else None
    if isinstance(known, int | float):
        return known
    try:
        return float(known) if isinstance(known, str) else None
    except ValueError:
        return None


def _chained(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``ChainMap(first, second)``: what the first has counts."""
    made = Table()
    for value in reversed(args):
        merge_tables(made, value)
    return on.make(made, site)


def _defaultdict(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return _dict(on, args[1:], kwargs, site)


def fields_of(thing: Object) -> dict[object, Value]:
    """The fields of a record with their values; of any other object its attributes."""
    names = thing.kind.fields() or thing.attrs
    return {name: thing.attrs[name] for name in names if name in thing.attrs}


def _property(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``property(getter)``."""
    made = [
        Choice(replace(choice.thing, kind="property"), choice.site, choice.guards)
        for choice in (args[0] if args else ())
        if isinstance(choice.thing, Function)
    ]
    return tuple(made) or None


BUILTINS: dict[str, Known] = {
    "getattr": _getattr,
    "setattr": _setattr,
    "property": _property,
    "object.__setattr__": _setattr,
    "dict": _dict,
    "collections.OrderedDict": _dict,
    "collections.UserDict": _dict,
    "collections.UserList": list_of,
    "collections.ChainMap": _chained,
    "collections.defaultdict": _defaultdict,
    "collections.deque": list_of,
    "list": list_of,
    "tuple": list_of,
    "set": list_of,
    "frozenset": list_of,
    "enumerate": _enumerate,
    "zip": _zip,
    "map": _map,
    "filter": _filter,
    "str": _str,
    "float": _number,
    "int": _number,
}
