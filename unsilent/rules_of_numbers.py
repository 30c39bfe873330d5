"""Rule: a number where the model wrote none.

Healthy: NaN, None, an exception; and a list that is filled with a number only to be written over, place by place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .alike_values import leaves
from .code_findings import Finding
from .nan_questions import asks_nan
from .surely_written import surely_written
from .symbolic_arithmetic import nan_or_number
from .symbols import Const, Many, Op, Part, Result, Table, constant, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .entry_points import Run
    from .symbols import Call, Choice, Value

NUMBERS = {"float", "int", "round", "abs"}
LISTS = {"tolist", "to_list", "item", "numpy", "cpu", "detach", "squeeze"}  # give what they are called on


def find_numbers_for_nothing(reading: Reading) -> Iterator[Finding]:
    """[answer-rate-inflated] A number is returned where the model wrote none.

    Healthy: NaN, None, an exception.
    """
    for run in reading.runs:
        for asked in run.asked:
            if asked.method in {"parse_answer", "answer"}:
                placed = {id(one.thing) for value in _written_over(run, asked.result, reading) for one in value}
                for choice, value in numbers_in(asked.result):
                    if id(choice.thing) in placed:
                        continue
                    yield Finding(
                        "answer-rate-inflated", choice.site, "certain",
                        f"{asked.method}() to give NaN where there is no number",
                        f"{value!r}", "return NaN", choice.path, run.name,
                    )  # fmt: skip


def _written_over(run: Run, value: Value, reading: Reading) -> Iterator[Value]:
    """What stood in lists and dicts at first, where every round of a loop writes over one place."""
    for thing in (choice.thing for choice in walk(value)):
        if isinstance(thing, Many | Table):
            stores = [one for one in run.stores if not one.name and any(of.thing is thing for of in one.target)]
            if surely_written((one.site for one in stores), reading.tree):
                written = {id(choice.thing) for one in stores for choice in one.value}
                for item in thing.items if isinstance(thing, Many) else thing.items.values():
                    yield tuple(choice for choice in item if id(choice.thing) not in written)


def numbers_in(value: Value) -> Iterator[tuple[Choice, object]]:
    """Yield the finite numbers that are written in the code and may be the value: bare, spelt, or put for NaN."""
    for choice in leaves(value):
        thing = choice.thing
        if isinstance(thing, Const) and nan_or_number(thing.value):
            yield choice, thing.value
        elif isinstance(thing, Result):
            call = thing.call
            put = [one for one in _put_for_nothing(call) if nan_or_number(constant((one,)))]
            yield from ((replace(one, site=choice.site), constant((one,))) for one in put)
            if call.last in {"nan_to_num", "nan_to_num_"} and not call.argument("nan"):
                yield choice, 0.0
            elif call.last in NUMBERS and call.args:
                yield from _spelt_in(call.args[0])
            elif call.last in LISTS:
                yield from numbers_in(call.receiver)


def _put_for_nothing(call: Call) -> Value:
    """What a call puts where there is no number: ``nan_to_num(x, nan=0)``, ``fillna(0)``, ``max(found, default=0)``."""
    if call.last in {"nan_to_num", "nan_to_num_"}:
        return call.argument("nan")
    if call.last == "fillna":
        return call.argument("value", 0)
    if call.last == "where" and call.args and asks_nan(call.args[0]):
        return tuple(choice for value in call.args[1:] for choice in value)
    return call.argument("default") if call.last in {"max", "min"} else ()


def _spelt_in(value: Value) -> Iterator[tuple[Choice, object]]:
    """Numbers, and texts that spell one, among what is made a number: ``float((found or ["0"])[-1])``."""
    for choice in leaves(value):
        thing = choice.thing
        if isinstance(thing, Part) and thing.kind == "item":
            yield from _spelt_in(tuple(one for one in thing.of if isinstance(one.thing, Op | Many)))
        elif isinstance(thing, Const) and isinstance(thing.value, str | int | float):
            try:
                number = float(thing.value)
            except ValueError:
                continue
            if nan_or_number(number):
                yield choice, number
