"""Calls of Python's libraries that are followed instead of noted, and the table of all that are.

Python's own functions stand in ``known_builtins``, those of constants in ``known_constants``, iterators in
``known_iterators``, what makes functions of functions in ``known_functools``, regular expressions in
``known_patterns``, command lines in ``known_options``, files of the submission in ``known_files``; methods in
``known_methods``.
"""

from __future__ import annotations

import ast
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

from .known_builtins import BUILTINS, fields_of, last, same
from .known_constants import CONSTANTS
from .known_files import FILES
from .known_functools import FUNCTOOLS
from .known_iterators import ITERATORS
from .known_kinds import KINDS
from .known_operators import OPERATORS
from .known_options import OPTIONS
from .known_patterns import EXPRESSIONS
from .symbolic_notes import Frame
from .symbolic_things import Class, Const, Many, Object, Outside, Result, Table, Unknown
from .symbolic_values import constant, join

if TYPE_CHECKING:
    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Choice, Site, Value
    from .symbolic_things import Thing


def _getenv(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return join(on.foreign("os.environ.get", (), args[:1], {}, site), *args[1:], *kwargs.values())


def _namespace(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    made = Unknown("namespace")
    made.attrs.update(kwargs)
    return on.make(made, site)


def _vars(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``vars(it)``: its attributes, as a dict that what is put into becomes one."""
    thing = args[0][0].thing if args and len(args[0]) == 1 else None
    if isinstance(thing, Result) and thing.call.last == "parse_args":
        options: dict[object, Value] = {name: value for name, value in thing.attrs.items() if name[0] != "["}
        return on.make(Table(options, [(args[0], args[0])]), site)
    own = tuple(choice for choice in (args[0] if args else ()) if isinstance(choice.thing, Object | Class | Unknown))
    return on.attribute(own, "__dict__", site) if own else None


def _asdict(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    found = [(choice, choice.thing) for choice in (args[0] if args else ()) if isinstance(choice.thing, Object)]
    return tuple(replace(choice, thing=Table(fields_of(thing))) for choice, thing in found) or None


def _replace(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    found: list[Choice] = []
    for choice in args[0] if args else ():
        if isinstance(choice.thing, Object):
            made = Object(choice.thing.kind)
            made.attrs.update(choice.thing.attrs | kwargs)
            made.born = on.depth
            found.append(replace(choice, thing=made))
    return tuple(found) or None


def _shallow_copy(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return _copied(on, args[0], 1) if args else None


def _deep_copy(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return _copied(on, args[0], DEEPEST_COPY) if args else None


def _copied(on: Calls, value: Value, deep: int) -> Value:
    """Dicts and lists are copied, so that what changes one leaves the other; all else is what it was."""
    found: list[Choice] = []
    for choice in value if deep else ():
        thing: Thing = choice.thing
        if isinstance(thing, Table):
            inner = {key: _copied(on, item, deep - 1) for key, item in thing.items.items()}
            thing = Table(inner, list(thing.others), thing.read_from)
        elif isinstance(thing, Many):
            thing = Many([_copied(on, item, deep - 1) for item in thing.items], thing.whole)
        if thing is not choice.thing:
            thing.born = on.depth
        found.append(replace(choice, thing=thing))
    return tuple(found) if deep else value


def _dedent(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    known = constant(args[0]) if args else None
    return on.make(Const(textwrap.dedent(known)), site) if isinstance(known, str) else same(on, args, kwargs, site)


def _import_module(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    name = constant(args[0]) if args else None
    return on.import_by_name(name, site) if isinstance(name, str) else None


def _fields(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``fields(record)``: things that have a name."""
    thing = args[0][0].thing if args and args[0] else None
    kind = thing.kind if isinstance(thing, Object) else thing
    if not isinstance(kind, Class):
        return None
    made = [Unknown("field") for _ in kind.fields()]
    for field, name in zip(made, kind.fields(), strict=True):
        field.attrs["name"] = on.make(Const(name), site)
    return on.make(Many([on.make(field, site) for field in made]), site)


def _named_tuple(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``namedtuple("Name", "a b")`` and ``NamedTuple("Name", [("a", int)])``: a class with these fields."""
    known = constant(args[1]) if len(args) > 1 else None
    fields = known.replace(",", " ").split() if isinstance(known, str) else []
    for value in (on.elements(args[1]) or []) if len(args) > 1 else []:
        name = constant((on.elements(value) or [value])[0])
        fields.append(str(name))
    node = ast.parse("class Record:\n    pass").body[0]
    if not isinstance(node, ast.ClassDef) or not all(name.isidentifier() for name in fields) or not fields:
        return None
    node.body = list(ast.parse("\n".join(f"{name}: object" for name in fields)).body)
    frame = Frame(next(iter(on.tree.sources.values())))
    made = Class(str(constant(args[0])), node, frame, (Outside("typing.NamedTuple"),), is_record=True)
    defaults = (on.elements(kwargs["defaults"]) or []) if "defaults" in kwargs else []
    made.attrs.update(zip(reversed(fields), reversed(defaults), strict=False))
    return on.make(made, site)


DEEPEST_COPY = 6  # dicts in dicts that are copied
LIBRARY: dict[str, Known] = {
    "copy.deepcopy": _deep_copy,
    "copy.copy": _shallow_copy,
    "weakref.proxy": same,
    "tqdm.tqdm": same,
    "tqdm.auto.tqdm": same,
    "tqdm.rich.tqdm": same,
    "contextlib.closing": same,
    "contextlib.nullcontext": same,
    "typing.cast": last,
    "os.environ.get": _getenv,
    "os.getenv": _getenv,
    "types.SimpleNamespace": _namespace,
    "argparse.Namespace": _namespace,
    "dataclasses.asdict": _asdict,
    "dataclasses.replace": _replace,
    "dataclasses.fields": _fields,
    "collections.namedtuple": _named_tuple,
    "typing.NamedTuple": _named_tuple,
    "vars": _vars,
    "textwrap.dedent": _dedent,
    "importlib.import_module": _import_module,
    "__import__": _import_module,
}
FUNCTIONS: dict[str, Known] = {
    **BUILTINS,
    **CONSTANTS,
    **ITERATORS,
    **FUNCTOOLS,
    **KINDS,
    **OPERATORS,
    **OPTIONS,
    **FILES,
    **EXPRESSIONS,
    **LIBRARY,
}
