"""Comparing, calculating and joining what is known, choice by choice; pure functions, no reader.

Constants are computed as Python would, within limits that no submission meets and no bomb passes; what is not known
stays an ``Op`` of what it was made from.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from typing import TYPE_CHECKING, Any

from .symbolic_things import (
    Class,
    Const,
    Function,
    Many,
    Native,
    Op,
    Package,
    Table,
    Text,
    Thing,
)
from .symbolic_values import entries_of, guarded, held, join

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .symbolic_notes import Choice, Value


LONGEST_CONSTANT = 10_000  # characters or digits of a constant that is computed
LARGEST_NUMBER = 10**18
LONGEST_TEXT = 200_000  # characters of a text that is put together
LONGEST_LIST = 20_000  # entries of a list, pieces of a text


def _remainder(a: Any, b: Any) -> Any:  # noqa: ANN401 - whatever Python takes
    """``a % b``; a text that would be filled up to thousands of characters is refused."""
    if isinstance(a, str | bytes) and re.search(r"\d{4}", str(a)):
        raise ValueError(a)
    return a % b


COMPUTED: Mapping[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", _remainder),
    ast.BitOr: ("|", operator.or_),
    ast.BitAnd: ("&", operator.and_),
    ast.BitXor: ("^", operator.xor),
    ast.LShift: ("<<", lambda a, b: a << b if b <= 64 else None),  # noqa: PLR2004 - no bombs
    ast.RShift: (">>", operator.rshift),
    ast.Pow: ("**", lambda a, b: a**b if abs(b) <= 64 and abs(a) <= 1024 else math.nan),  # noqa: PLR2004 - no bombs
}


def compute(operation: ast.operator, a: Choice, b: Choice) -> Thing:  # noqa: PLR0911 - one for each kind
    """Add, join, multiply...: one choice with one."""
    name, calculation = COMPUTED.get(type(operation), (type(operation).__name__, None))
    a, b = held(a), held(b)
    x, y = a.thing, b.thing
    if _size(x) + _size(y) > LONGEST_LIST:
        return Op(name, ((a,), (b,)))
    if isinstance(x, Const) and isinstance(y, Const) and calculation is not None:
        done = calculate(calculation, x.value, y.value)
        if done is not None:
            return Const(done)
    if name == "+" and is_text(x) and is_text(y):
        return Text((*pieces((a,)), *pieces((b,))))
    if name == "+" and (is_text(x) or is_text(y)) and not isinstance(x, Many) and not isinstance(y, Many):
        return Text((*pieces((a,)), *pieces((b,))))
    if name == "%" and isinstance(x, Const) and isinstance(x.value, str):
        return percent(x.value, (b,))
    if name == "+" and isinstance(x, Many) and isinstance(y, Many):
        return Many([*x.items, *y.items], x.whole and y.whole)
    if name == "*" and isinstance(x, Many):
        return Many(list(x.items), whole=False, blank=(b,))
    if name == "|" and isinstance(x, Table) and isinstance(y, Table):
        made = Table(dict(x.items), list(x.others))
        merge_tables(made, (b,))
        return made
    return Op(name, ((a,), (b,)))


def _size(thing: Thing) -> int:
    return len(thing.items) if isinstance(thing, Many) else len(thing.parts) if isinstance(thing, Text) else 0


def merge_tables(table: Table, value: Value) -> None:
    """``{**value}`` or ``update``: known keys are known, others may be any."""
    weak = len(value) > 1
    for choice in map(held, value):
        if isinstance(choice.thing, Table):
            table.read_from = join(table.read_from, choice.thing.read_from)
            for key, item in choice.thing.items.items():
                before = table.items.get(key, ()) if weak else ()
                table.items[key] = join(before, guarded(item, *choice.guards))
            table.others += choice.thing.others
        elif not isinstance(choice.thing, Const):
            for key, item in entries_of(choice.thing).items():
                table.items[key] = join(table.items.get(key, ()) if weak else (), guarded(item, *choice.guards))
            table.others.append(((choice,), (choice,)))


def truth(value: Value) -> bool | None:
    """Whether a value is true; None where it depends."""
    found = {_truth(held(choice).thing) for choice in value}
    return found.pop() if len(found) == 1 else None


def _truth(thing: Thing) -> bool | None:
    if isinstance(thing, Const):
        return bool(thing.value)
    if isinstance(thing, Many) and thing.whole:
        return bool(thing.items)
    if isinstance(thing, Table) and thing.items:
        return True
    if isinstance(thing, Text) and any(isinstance(part, str) and part for part in thing.parts):
        return True
    return True if isinstance(thing, Function | Class | Package | Native) else None


def calculate(compute: Callable[[Any, Any], Any], x: object, y: object) -> object:
    """Calculate with constants; None where Python would refuse, or where it would grow without bound."""
    sizes = [len(value) for value in (x, y) if isinstance(value, str | bytes)]
    numbers = [abs(value) for value in (x, y) if isinstance(value, int | float)]
    if any(size * number > LONGEST_CONSTANT for size in sizes for number in numbers):
        return None
    if max(sizes, default=0) > LONGEST_CONSTANT or any(not number < LARGEST_NUMBER for number in numbers):
        return None
    try:
        done: object = compute(x, y)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return done


def is_text(thing: Thing) -> bool:
    """Whether something is surely a string."""
    return isinstance(thing, Text) or (isinstance(thing, Const) and isinstance(thing.value, str))


def pieces(value: Value, *, formatted: bool = False) -> list[str | Value]:
    """The pieces a value adds to a text: known ones as they are, else a hole."""
    thing = held(value[0]).thing if len(value) == 1 and not value[0].guards else None
    if isinstance(thing, Text) and not formatted:
        return list(thing.parts)
    if isinstance(thing, Const) and not formatted and not isinstance(thing.value, float):
        return [str(thing.value)]
    return [value]


def percent(template: str, value: Value) -> Thing:
    """``template % value`` as a text with holes."""
    thing = value[0].thing
    given = list(thing.items) if isinstance(thing, Many) else [value]
    parts: list[str | Value] = []
    rest = template
    while "%" in rest:
        before, _, rest = rest.partition("%")
        parts.append(before)
        rest = rest.lstrip("0123456789.-+ #")
        if rest[:1] == "%":
            parts.append("%")
        elif rest[:1] == "(" and isinstance(thing, Table):
            key, _, rest = rest[1:].partition(")")
            parts += pieces(thing.items.get(key, value))
        elif given:
            parts += pieces(given.pop(0))
        rest = rest[1:]
    whole = (*parts, rest)
    return Const("".join(map(str, whole))) if all(isinstance(part, str) for part in whole) else Text(whole)


def nan_or_number(value: object) -> bool:
    """Whether a constant is a finite number, booleans aside."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
