"""Values: made, joined, put under conditions, and asked what they were made from.

A value with one choice is certain, one with none cannot arise. What a foreign call gives keeps the call, its receiver
and its arguments, so that ``walk`` finds all that something was made from.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from .reading_room import GLANCE, budget
from .symbolic_notes import Call, Choice, Guard, Site, Value
from .symbolic_things import (
    Class,
    Const,
    Function,
    Many,
    Native,
    Object,
    Op,
    Outside,
    Part,
    Result,
    Table,
    Text,
    Thing,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_CHOICES = 12  # a name that may stand for more is as good as unknown
MOST_COMPARED = 48  # choices among which the same ones are looked for
LONGEST_PATH = 8  # steps of a path that are kept
DEEPEST_LITERAL = 3  # lists in lists that are looked through
MOST_GUARDS = 16  # conditions around a choice that are kept, outermost first
CONTENTS = "[]"  # among a thing's attributes: what was put into it, under keys that nobody knows


def one(thing: Thing, site: Site) -> Value:
    """Make a value that is certain."""
    return (Choice(thing, site),)


def join(*values: Value) -> Value:
    """Make a value that may be any of these; the same thing counts once."""
    filled = [value for value in values if value]
    if filled and all(value is filled[0] for value in filled) and len(filled[0]) <= MOST_CHOICES:
        return filled[0]
    kept: list[Choice] = []
    for choice in (choice for value in filled for choice in value):
        for place, other in enumerate(kept):
            if _same(choice, other):
                if other.guards is not choice.guards:
                    kept[place] = Choice(other.thing, other.site, _either(other.guards, choice.guards), other.path)
                break
        else:
            kept.append(choice)
            if len(kept) > MOST_COMPARED:
                break
    if len(kept) > MOST_CHOICES:
        first = kept[0]
        kept = [*kept[: MOST_CHOICES - 1], Choice(Unknown("one of many"), first.site)]
    return tuple(kept)


def _either(one_way: tuple[Guard, ...], other: tuple[Guard, ...]) -> tuple[Guard, ...]:
    """The conditions of a thing that is reached in two ways: what both have in common, and one of the rests."""
    common = tuple(guard for guard in one_way if guard in other)
    rest = [guard for guard in (*one_way, *other) if guard not in common]
    if not rest or len(common) in {len(one_way), len(other)}:
        return common
    tests = tuple(islice((choice for guard in rest for choice in guard.test), MOST_CHOICES))
    return (*common, Guard("either", tests, holds=True, site=rest[0].site))


def _same(a: Choice, b: Choice) -> bool:
    if a.thing is b.thing:
        return True
    if isinstance(a.thing, Const) and isinstance(b.thing, Const):
        return a.site == b.site and type(a.thing.value) is type(b.thing.value) and a.thing.value == b.thing.value
    return isinstance(a.thing, Outside) and isinstance(b.thing, Outside) and a.thing.name == b.thing.name


def guarded(value: Value, *guards: Guard) -> Value:
    """Put conditions around every choice."""
    if not guards:
        return value
    return tuple(
        Choice(choice.thing, choice.site, (*new, *choice.guards)[:MOST_GUARDS], choice.path)
        if (new := [guard for guard in guards if guard not in choice.guards])
        else choice
        for choice in value
    )


def via(value: Value, step: str) -> Value:
    """Note a step of the way that a value took."""
    return tuple(
        Choice(choice.thing, choice.site, choice.guards, (*choice.path, step)[-LONGEST_PATH:])
        if choice.path[-1:] != (step,)
        else choice
        for choice in value
    )


def constant(value: Value) -> object:
    """The constant that a value is; None where it is none, or more than one."""
    thing = value[0].thing if len(value) == 1 else None
    return thing.value if isinstance(thing, Const) else None


def constants(value: Value) -> list[object]:
    """Every constant among the choices."""
    return [choice.thing.value for choice in value if isinstance(choice.thing, Const)]


def things(value: Value) -> list[Thing]:
    """The things among the choices."""
    return [choice.thing for choice in value]


def held(choice: Choice) -> Choice:
    """The dict, list or text inside an object whose class inherits from one; anything else as it is."""
    thing = choice.thing
    if not isinstance(thing, Object) or len(thing.base) != 1:
        return choice
    inner = thing.base[0].thing
    return (
        Choice(inner, choice.site, choice.guards, choice.path)
        if isinstance(inner, Table | Many | Const | Text)
        else choice
    )


def is_certain(item: Value) -> bool:
    """Whether no condition stands around any choice."""
    return not any(choice.guards for choice in item)


def is_literal(thing: Thing, deep: int = DEEPEST_LITERAL) -> bool:
    """Whether all of something is written down: constants, functions, and lists and dicts of them."""
    if isinstance(thing, Const | Function | Class | Outside):
        return True
    if isinstance(thing, Table):
        return (
            not thing.others and not thing.read_from and all(_are_literal(item, deep) for item in thing.items.values())
        )
    return isinstance(thing, Many) and thing.whole and all(_are_literal(item, deep) for item in thing.items)


def _are_literal(item: Value, deep: int) -> bool:
    return deep > 0 and len(item) == 1 and is_certain(item) and is_literal(item[0].thing, deep - 1)


def entries_of(thing: Thing) -> dict[object, Value]:
    """The entries of something foreign that are known: what its file says, or what was put there."""
    return {name[1:-1]: value for name, value in thing.attrs.items() if name[0] == "[" and len(name) > 2}  # noqa: PLR2004


def made_from(thing: Thing) -> Iterator[Value]:  # noqa: C901 - one for each kind
    """Yield what a thing was made from, and what was put into it."""
    if isinstance(thing, Text):
        yield from (part for part in thing.parts if not isinstance(part, str))
    elif isinstance(thing, Many):
        yield from thing.items
    elif isinstance(thing, Table):
        yield from thing.items.values()
        for key, value in thing.others:
            yield from (key, value)
        yield thing.read_from
    elif isinstance(thing, Op):
        yield from thing.operands
    elif isinstance(thing, Part):
        yield from (thing.of, thing.key)
    elif isinstance(thing, Result):
        yield thing.call.receiver
        yield from thing.call.args
        yield from thing.call.kwargs.values()
    elif isinstance(thing, Object):
        yield thing.base
    elif isinstance(thing, Native):
        yield from thing.made_of
    if CONTENTS in thing.attrs:
        yield thing.attrs[CONTENTS]


def walk(
    value: Value,
    *,
    into: Callable[[Thing], bool] = lambda _: True,
    with_attrs: bool = False,
    with_keys: bool = True,
    with_guards: bool = False,
) -> Iterator[Choice]:
    """Yield every choice that a value was made from, itself first.

    Args:
        value: Where to begin.
        into: Says what is opened.
        with_attrs: Whether attributes that were assigned count.
        with_keys: Whether the key counts under which something was looked up.
        with_guards: Whether the conditions count under which something was chosen.
    """
    left, seen, look = list(reversed(value)), set[int](), budget().look
    look()
    while left:
        choice = left.pop()
        if id(choice.thing) in seen:
            continue
        seen.add(id(choice.thing))
        if len(seen) % GLANCE == 0:
            look(GLANCE)
        yield choice
        if with_guards:
            left += [one_test for guard in choice.guards for one_test in guard.test]
        if into(choice.thing):
            by_key = isinstance(choice.thing, Part) and choice.thing.kind == "item" and not with_keys
            inner = list(made_from(choice.thing))[: 1 if by_key else None]
            if with_attrs:
                inner += choice.thing.attrs.values()
            left += [part for one_value in reversed(inner) for part in reversed(one_value)]


def calls_in(value: Value) -> Iterator[Call]:
    """Yield the foreign calls that a value was made from."""
    return (choice.thing.call for choice in walk(value) if isinstance(choice.thing, Result))
