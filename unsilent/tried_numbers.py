"""What a value would be if the arguments had these sizes: a number, or the length of a list.

For the rule about recursion, which tries conditions and arguments with numbers. What cannot be computed is None.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

from .symbols import Const, Many, Op, Part, Result, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .symbols import Value

NOTHING = -math.inf  # stands for None
State = dict[str, float]
CALCULATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def number_of(value: Value, state: State) -> float | None:  # noqa: PLR0911 - one for each kind
    """A number, or the length of a list, that a value is in a state; None where nobody knows."""
    if len(value) != 1:
        numbers = {number_of((choice,), state) for choice in value}
        return numbers.pop() if len(numbers) == 1 else None
    thing = value[0].thing
    if isinstance(thing, Const):
        if thing.value is None:
            return NOTHING
        return float(thing.value) if isinstance(thing.value, int | float) else None
    if isinstance(thing, Unknown):
        return state.get(thing.name.rpartition(".")[2])
    if isinstance(thing, Op):
        return _operation(thing, state)
    if isinstance(thing, Part) and thing.kind == "item":
        return _index(thing, state) if _is_index(thing) else _piece(thing, state)
    if isinstance(thing, Many):
        return float(len(thing.items)) if thing.whole else None
    if isinstance(thing, Result):
        given = [number_of(argument, state) for argument in thing.call.args]
        known = [one for one in given if one is not None]
        if len(known) < len(given) or not known:
            return None
        return {
            "len": known[0],
            "int": float(int(known[0])),
            "list": known[0],
            "min": min(known),
            "max": max(known),
        }.get(thing.call.name)
    return None


def _operation(thing: Op, state: State) -> float | None:  # noqa: PLR0911 - one for each kind
    if thing.name in {"is", "is not"} and _is_none(thing.operands[1]):
        left = number_of(thing.operands[0], state)
        return None if left is None else float((left == NOTHING) == (thing.name == "is"))
    given = [number_of(operand, state) for operand in thing.operands]
    if thing.name in {"and", "or"}:
        return _either(thing.name, given)
    if any(one is None for one in given):
        return None
    numbers = [one for one in given if one is not None]
    if thing.name == "not":
        return float(not is_true(numbers[0]))
    if len(numbers) != 2:  # noqa: PLR2004 - all others take two
        return None
    a, b = numbers
    if NOTHING in numbers or (b == 0 and thing.name in {"/", "//", "%"}):
        return None
    calculation = CALCULATIONS.get(thing.name)
    return float(calculation(a, b)) if calculation else None


def _either(name: str, given: list[float | None]) -> float | None:
    """``n or 1`` is a number as in Python: the first that decides, else the last; one that is not known may decide."""
    deciding = [one for one in given if one is not None and is_true(one) == (name == "or")]
    if None not in given:
        return next(iter(deciding), given[-1])
    return float(name == "or") if deciding else None


def is_true(number: float) -> bool:
    """Whether Python takes it for true."""
    return number not in {0.0, NOTHING}


def _piece(thing: Part, state: State) -> float | None:
    """The length of a slice: of the first chunk, which is the largest."""
    length = number_of(thing.of, state)
    key = thing.key[0].thing if len(thing.key) == 1 else None
    if not (isinstance(key, Op) and key.name == ":") or length is None:
        return None
    start = 0.0 if _is_none(key.operands[0]) else number_of(key.operands[0], state)
    end = length if _is_none(key.operands[1]) else number_of(key.operands[1], state)
    if start is None or end is None:
        return None
    end = min(length, end if end >= 0 else length + end)
    return max(0.0, end - start)


def _is_none(value: Value) -> bool:
    return len(value) == 1 and isinstance(value[0].thing, Const) and value[0].thing.value is None


def _is_index(thing: Part) -> bool:
    of = thing.of[0].thing if thing.of else None
    return isinstance(of, Result) and of.call.last in {"range", "trange"}


def _index(thing: Part, state: State) -> float | None:
    """The index of a loop over ``range`` begins at its first number, where a chunk is largest."""
    of = thing.of[0].thing
    given = of.call.args if isinstance(of, Result) else ()
    return 0.0 if len(given) < 2 else number_of(given[0], state)  # noqa: PLR2004 - range(end)
