"""Methods of dicts, lists and data sets that are followed instead of noted, and the table of all that are.

As ``known_calls``, with whose method it is as the second argument; for what is no dict or list a method gives None, and
is noted as foreign. Methods of strings stand in ``known_texts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .known_builtins import fields_of, list_of
from .known_files import read_sections
from .known_options import PARSERS
from .known_patterns import MATCHES
from .known_texts import TEXTS
from .symbolic_arithmetic import merge_tables
from .symbolic_notes import Choice
from .symbolic_things import Const, Function, Many, Native, Object, Op, Outside, Part, Result, Table, Text, Unknown
from .symbolic_values import CONTENTS, constant, entries_of, guarded, join

if TYPE_CHECKING:
    from collections.abc import Callable

    from .known_builtins import Args, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value


def _get(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    known = entries_of(of.thing).get(constant(args[0])) if args else None
    if known is not None:
        return _of_section(known, args) or known
    if isinstance(of.thing, Result | Part | Op) and len(args) > 1:
        return join(on.foreign(".get", (of,), args[:1], {}, site), args[1])
    if not args or not isinstance(of.thing, Table):
        return None
    default = args[1] if len(args) > 1 else on.make(Const(None), site)
    name = constant(args[0])
    if name is not None and name in of.thing.items:
        return of.thing.items[name]
    if not of.thing.others and (name is not None or not of.thing.items):
        return default
    return join(on.item((of,), args[0], site), default)


def _of_section(known: Value, args: Args) -> Value:
    """``parser.get(section, key)``."""
    inner = known[0].thing if len(args) > 1 else None
    return inner.items.get(constant(args[1]), ()) if isinstance(inner, Table) else ()


def _get_number(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``parser.getint(section, key)``."""
    found = _get(on, of, args, kwargs, site) if constant(args[0] if args else ()) in entries_of(of.thing) else None
    return on.call(on.make(Outside("float"), site), (found,), {}, site) if found else None


def _pop(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if isinstance(of.thing, Table) and args:
        found = _get(on, of, args, kwargs, site)
        if on.depth <= of.thing.born:
            of.thing.items.pop(constant(args[0]), None)
        return found
    return on.element((of,), site) if isinstance(of.thing, Many) else None


def _setdefault(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not isinstance(of.thing, Table) or len(args) < 2:  # noqa: PLR2004
        return None
    if constant(args[0]) not in of.thing.items:
        on.put(of.thing, args[0], args[1])
    return on.item((of,), args[0], site)


def _update(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not isinstance(of.thing, Table):
        return _fill(on, of, args, kwargs, site)
    for value in args:
        pairs = (
            on.call(on.make(Outside("dict"), site), (value,), {}, site) if isinstance(value[0].thing, Many) else value
        )
        merge_tables(of.thing, pairs)
    for name, value in kwargs.items():
        of.thing.items[name] = value
    return on.make(Const(None), site)


def _fill(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """Something is put into a thing that is no plain dict or list, as one that inherits from them."""
    if not isinstance(of.thing, Const | Text):
        of.thing.attrs[CONTENTS] = join(of.thing.attrs.get(CONTENTS, ()), *args[-1:])
    return None


def _append(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not isinstance(of.thing, Many) or not args:
        return _fill(on, of, args, kwargs, site)
    of.thing.items.append(guarded(args[-1], *on.guards))
    of.thing.whole = of.thing.whole and on.depth <= of.thing.born
    return on.make(Const(None), site)


def _extend(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not isinstance(of.thing, Many) or not args:
        return _fill(on, of, args, kwargs, site)
    on.extend(of.thing, args[0], site)
    of.thing.whole = of.thing.whole and on.depth <= of.thing.born
    return on.make(Const(None), site)


def _items(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if entries := entries_of(of.thing):
        of = Choice(Table(entries, [((of,), (of,))]), of.site, of.guards)
    if not isinstance(of.thing, Table):
        return None
    pairs = [on.make(Many([on.make(Const(key), of.site), value]), site) for key, value in of.thing.items.items()]
    pairs += [on.make(Many([key, value]), site) for key, value in of.thing.others]
    return on.make(Many(pairs, whole=not of.thing.others), site)


def _values(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not isinstance(of.thing, Table):
        return None
    values = [*of.thing.items.values(), *(value for _, value in of.thing.others)]
    return on.make(Many(values, whole=not of.thing.others), site)


def _keys(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return list_of(on, ((of,),), {}, site) if isinstance(of.thing, Table) else None


def _copy(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if isinstance(of.thing, Table):
        return on.make(Table(dict(of.thing.items), list(of.thing.others)), site)
    return on.make(Many(list(of.thing.items), of.thing.whole), site) if isinstance(of.thing, Many) else None


def _throughout(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``Dataset.map(f)``, ``apply(f)``: what comes out was made by ``f`` from an element."""
    functions = tuple(
        choice for choice in (args[0] if args else kwargs.get("function", ())) if isinstance(choice.thing, Function)
    )
    if not functions or isinstance(of.thing, Const | Text | Table | Many):
        return None
    batch = _row_of(on, of, site)
    made = on.call(functions, (batch,), {}, site)
    return on.make(Op("mapped", (made, (of,))), site)


def _row_of(on: Calls, of: Choice, site: Site) -> Value:
    """A row of a data set, through what selects and shuffles rows; of one made from a list, what stands in the list."""
    thing = of.thing
    if isinstance(thing, Op) and thing.name == "mapped":
        return thing.operands[0]
    if isinstance(thing, Result) and thing.call.last == "from_list" and thing.call.args:
        return on.element(thing.call.args[0], site)
    if (
        isinstance(thing, Result)
        and thing.call.last in {"shuffle", "select", "filter", "with_format"}
        and thing.call.receiver
    ):
        return _row_of(on, thing.call.receiver[0], site)
    return on.make(Part((of,), on.make(Unknown("row"), site), "item"), site)


def _enter(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``stack.enter_context(manager)``."""
    return on.enter(args[0], site) if args else None


def _call_back(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``stack.callback(function, ...)``: it is called at the end; here, where it is known that it will be."""
    if args and isinstance(of.thing, Result) and of.thing.call.last in {"ExitStack", "AsyncExitStack"}:
        on.call(args[0], args[1:], kwargs, site)
    return None


def _hook(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``weight.register_hook(f)``: ``f`` is called with the gradient; what is of the tree is read as handed over."""
    own = tuple(choice for choice in (args[0] if args else ()) if isinstance(choice.thing, Native | Outside))
    if own:
        gradient = on.make(Part((of,), on.make(Const("grad"), site), "attribute"), site)
        on.call(own, (gradient,), {}, site)
    return None


def _replace_fields(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``record._replace(field=...)`` of a named tuple."""
    if not isinstance(of.thing, Object):
        return None
    made = Object(of.thing.kind, of.thing.base)
    made.attrs.update(of.thing.attrs | kwargs)
    return on.make(made, site)


def _as_dict(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return on.make(Table(fields_of(of.thing)), site) if isinstance(of.thing, Object) else None


def _get_item(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return on.item((of,), args[0], site) if isinstance(of.thing, Table | Many) and len(args) == 1 else None


def _set_item(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if not isinstance(of.thing, Table | Many) or len(args) != 2:  # noqa: PLR2004 - which, what
        return None
    on.store_item((of,), args[0], args[1], site)
    return on.make(Const(None), site)


METHODS: dict[str, Callable[[Calls, Choice, Args, Kwargs, Site], Value | None]] = {
    **TEXTS,
    **PARSERS,
    **MATCHES,
    "get": _get,
    "read": read_sections,
    "getint": _get_number,
    "getfloat": _get_number,
    "pop": _pop,
    "setdefault": _setdefault,
    "update": _update,
    "__getitem__": _get_item,
    "__setitem__": _set_item,
    "append": _append,
    "appendleft": _append,
    "add": _append,
    "insert": _append,
    "extend": _extend,
    "items": _items,
    "values": _values,
    "keys": _keys,
    "copy": _copy,
    "map": _throughout,
    "enter_context": _enter,
    "callback": _call_back,
    "register_hook": _hook,
    "register_post_accumulate_grad_hook": _hook,
    "_replace": _replace_fields,
    "_asdict": _as_dict,
    "model_dump": _as_dict,
}
