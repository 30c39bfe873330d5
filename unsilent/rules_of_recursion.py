"""Rule: a function that cuts its work into chunks, and calls itself with a chunk that is no smaller.

The call is tried with numbers: what it is called with is computed from sizes of arguments, and the conditions that
stand around it are asked again. Where they still hold when nothing changes any more, it never ends. Healthy: a chunk
that no longer meets the condition, a rest that shrinks, a list that is halved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding
from .reading_room import TooMuch
from .symbolic_statements import Reader
from .symbols import Const, Function, Object, Op, Part, Result, Site, Unknown, walk
from .tried_numbers import is_true, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .symbolic_notes import Recursion
    from .symbols import Guard, Thing, Value
    from .tried_numbers import State

ROUNDS = 200  # calls inside calls that are tried
ORDERS = {"<", "<=", ">", ">="}
TAKES = {"pop", "popleft", "popitem", "next"}  # out of what was given, so that less is left
LEAST_LIMIT = 2  # a chunk that may hold this many is cut; nobody asks for chunks of one or none
SIZES = (0, 1, 2, 3, 5, 8, 16, 31, 32, 33, 50, 64, 100, 128, 256, 1000, 10_000)


def find_endless_recursion(reading: Reading) -> Iterator[Finding]:
    """[unbounded-recursion] Calls that come back with arguments for which they come back again."""
    seen: set[int] = set()
    for run in reading.runs:
        for found in run.recursions:
            if id(found.function.node) not in seen:
                seen.add(id(found.function.node))
                for one in _alone(reading, found.function):
                    endless = never_ends(one)
                    if endless or (_params(one) and not _changed(one)):
                        yield Finding(
                            "unbounded-recursion", one.site,
                            ("likely" if one.guards else "certain") if endless else "possible",
                            f"{found.function.name}() to call itself with less to do, or not at all",
                            f"{found.function.name}() called by itself with as much to do as before",
                            "iterate over chunks, or count the tries", (), run.name,
                        )  # fmt: skip


def _alone(reading: Reading, function: Function) -> list[Recursion]:
    """Read a function with arguments nobody knows, and keep how it calls itself."""
    reader = Reader(reading.tree)
    site = Site(function.frame.source.file, function.node.lineno)
    spec = function.node.args
    names = [argument.arg for argument in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    bound = len(function.bound)
    given = {name: reader.make(Unknown(name), site) for name in names[bound:]}
    try:
        reader.call_function(function, (), given, site)
    except (TooMuch, RecursionError):
        return []
    taken = [value for call in reader.calls if call.last in TAKES for value in (call.receiver, *call.args[:1])]
    return [
        one
        for one in reader.recursions
        if one.function.node is function.node and not any(_is_same(name, value) for name in one.args for value in taken)
    ]


def never_ends(found: Recursion) -> bool:
    """Try sizes of arguments; whether for some the call comes back for ever."""
    params = _params(found)
    changed = _changed(found)
    tests = [guard for guard in found.guards if guard.kind == "if"]
    if not changed:
        return not _depends_on_else(tests, params) or not tests
    return any(_runs_for_ever(found, tests, changed, state) for state in _states(found, params))


def _params(found: Recursion) -> set[str]:
    return {name for name, value in found.args.items() if not _is_self(value)}


def _changed(found: Recursion) -> list[str]:
    """The arguments that are others than those which the function was called with."""
    return [name for name in _params(found) if not _is_same(name, found.args[name])]


def _states(found: Recursion, params: set[str]) -> Iterator[State]:
    """Sizes of the lists, and values of the numbers, that are tried together."""
    sized = {name for name in params if _is_sized(name, found)}
    limits = {name for name in params - sized if _is_limit(name, found)}
    handled = any(guard.kind == "except" for guard in found.guards)  # with nothing to do there is no error
    for size in SIZES[1:] if handled else SIZES:
        for number in SIZES:
            numbers = {name: max(number, LEAST_LIMIT) if name in limits else number for name in params - sized}
            yield {name: float(size) for name in sized} | {name: float(one) for name, one in numbers.items()}


def _is_self(value: Value) -> bool:
    return any(isinstance(choice.thing, Object) for choice in value)


def _is_same(name: str, value: Value) -> bool:
    return len(value) == 1 and isinstance(value[0].thing, Unknown) and value[0].thing.name.rpartition(".")[2] == name


def _depends_on_else(tests: list[Guard], params: set[str]) -> bool:
    """Whether a condition asks something that is no argument, and may so change between two calls."""
    return any(not _is_of_params(choice.thing, params) for guard in tests for choice in guard.test)


def _is_of_params(thing: Thing, params: set[str]) -> bool:
    if isinstance(thing, Const):
        return True
    if isinstance(thing, Unknown):
        return thing.name.rpartition(".")[2] in params
    if isinstance(thing, Op):
        return all(_is_of_params(choice.thing, params) for operand in thing.operands for choice in operand)
    if isinstance(thing, Result) and thing.call.name in {"len", "min", "max", "int", "isinstance"}:
        return all(_is_of_params(choice.thing, params) for value in thing.call.args for choice in value)
    return False


def _runs_for_ever(found: Recursion, tests: list[Guard], changed: list[str], state: State) -> bool:
    handled = any(guard.kind == "except" for guard in found.guards)
    for _ in range(ROUNDS):
        for guard in tests:
            asked = number_of(guard.test, state)
            if asked is None or is_true(asked) != guard.holds:
                return False
        after = {
            name: number_of(found.args[name], state) if name in changed else value for name, value in state.items()
        }
        known = {name: value for name, value in after.items() if value is not None}
        if len(known) < len(after) or (handled and 0 in known.values()):
            return False
        if known == state:
            return True
        state = known
    return False


def _is_sized(name: str, found: Recursion) -> bool:
    """Whether an argument is a list: sliced, or asked for its length."""
    given = (*found.args.values(), *(guard.test for guard in found.guards))
    for choice in walk(tuple(one for value in given for one in value)):
        thing = choice.thing
        measured = thing.call.args[:1] if isinstance(thing, Result) and thing.call.name == "len" else ()
        sliced = (thing.of,) if isinstance(thing, Part) and thing.kind == "item" else ()
        if any(_is_same(name, value) for value in (*measured, *sliced)):
            return True
    return False


def _is_limit(name: str, found: Recursion) -> bool:
    """Whether a length is compared with an argument."""
    asked = (choice.thing for choice in walk(tuple(one for guard in found.guards for one in guard.test)))
    pairs = [thing.operands for thing in asked if isinstance(thing, Op) and thing.name in ORDERS]
    return any(_is_same(name, one) and _is_length(other) for a, b in pairs for one, other in ((a, b), (b, a)))


def _is_length(value: Value) -> bool:
    return any(isinstance(choice.thing, Result) and choice.thing.call.name == "len" for choice in value)
