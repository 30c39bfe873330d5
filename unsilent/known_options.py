"""Command lines: an option is its default, or whatever the user says.

``argparse`` with groups and sub-commands, ``typer`` and ``click``, ``fire``, and parsers that fill a dataclass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .known_builtins import any_method
from .symbolic_things import Class, Const, Function, Many, Object, Part, Result, Table, Unknown
from .symbolic_values import constant, constants, join, things

if TYPE_CHECKING:
    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Call, Choice, Site, Value
    from .symbolic_things import Thing

GROUPS = {"add_argument_group", "add_mutually_exclusive_group", "add_subparsers", "add_parser"}


def _option(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``typer.Option(default)`` as a default: the default, or whatever the user says."""
    default = args[0] if args else kwargs.get("default", ())
    return join(default, on.make(Unknown("option"), site))


def add_option(on: Calls, function: Function, decorator: Value) -> None:
    """``@click.option("--rank", default=8)`` gives a parameter its default."""
    for thing in things(decorator):
        if isinstance(thing, Result) and thing.call.last in {"option", "argument"}:
            default, user = _default(on, thing.call), on.make(Unknown("option"), thing.call.site)
            for name in _names(thing.call):
                function.defaults[name] = join(default, user)


def _names(call: Call) -> list[str]:
    """The name under which an option arrives: its own, else the longest of those with dashes."""
    given = [str(name) for value in call.args for name in constants(value) if isinstance(name, str)]
    plain = [name for name in given if not name.startswith("-")]
    dashed = sorted((name for name in given if name.startswith("-")), key=len)
    named = constant(call.argument("dest"))
    found = [str(named)] if isinstance(named, str) else plain[:1] or dashed[-1:]
    return [name.partition("/")[0].lstrip("-").replace("-", "_") for name in found]


def _default(on: Calls, call: Call) -> Value:
    """What an option is if nobody says it: its default, or what a flag is before it is raised."""
    flag = str(constant(call.argument("action"))).removeprefix("store_")
    if constant(call.argument("is_flag")) is True:
        flag = "true"
    return call.argument("default") or (on.make(Const(flag == "false"), call.site) if flag in {"true", "false"} else ())


def parse_args(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``parser.parse_args()``: a thing that has every option of the parser, its groups and its sub-commands."""
    value = on.foreign(".parse_args", (of,), args, kwargs, site)
    options = value[0].thing
    for call in on.calls:
        if not any(_belongs_to(thing, of.thing) for thing in things(call.receiver)):
            continue
        if call.last == "add_argument":
            for name in _names(call):
                user = on.make(Part(value, on.make(Const(name), site), "attribute"), site)
                options.attrs[name] = join(options.attrs.get(name, user), _default(on, call))
        elif call.last == "set_defaults":
            for name, default in call.kwargs.items():
                options.attrs[name] = join(options.attrs.get(name, ()), default)
    return value


def _belongs_to(thing: Thing, parser: Thing, deep: int = 4) -> bool:
    """Whether something is a parser, or a group or sub-command of it."""
    if thing is parser:
        return True
    if not isinstance(thing, Result) or thing.call.last not in GROUPS or not deep:
        return False
    return any(_belongs_to(one, parser, deep - 1) for one in things(thing.call.receiver))


def _parse_known(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    known = parse_args(on, of, args, kwargs, site) or ()
    return on.make(Many([known, on.make(Unknown("other options"), site)]), site)


def _fill_classes(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``HfArgumentParser((A, B)).parse_args_into_dataclasses()``: records with their defaults."""
    call = of.thing.call if isinstance(of.thing, Result) else None
    if call is None or not call.last.endswith("ArgumentParser"):
        return None
    given = call.argument("dataclass_types", 0)
    made = [on.call(value, (), {}, site) for value in on.elements(given) or [given]]
    return on.make(Many(made), site)


def _fill_one(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``tyro.cli(Config)``: called with nothing but its defaults."""
    own = tuple(choice for choice in (args[0] if args else ()) if isinstance(choice.thing, Class | Function))
    return on.call(own, (), {}, site) if own else None


def _fire(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``Fire(component)``: a function is called, a class is made and its methods may be; else what the module has."""
    component = args[0] if args else kwargs.get("component", ())
    for thing in things(component):
        inner = thing.items.values() if isinstance(thing, Table) else [on.make(thing, site)]
        for value in inner:
            made = on.call(value, (), {}, site) if any(isinstance(one, Class) for one in things(value)) else value
            objects = tuple(choice for choice in made if isinstance(choice.thing, Object))
            methods = [thing for thing in things(any_method(on, objects, site) or ()) if isinstance(thing, Function)]
            for method in methods:
                on.read_with_unknowns(method, site)
    return None


OPTIONS: dict[str, Known] = {
    "typer.Option": _option,
    "typer.Argument": _option,
    "fire.Fire": _fire,
    "tyro.cli": _fill_one,
    "simple_parsing.parse": _fill_one,
}
PARSERS = {
    "parse_args": parse_args,
    "parse_known_args": _parse_known,
    "parse_args_into_dataclasses": _fill_classes,
}
