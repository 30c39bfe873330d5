"""Comparing what is known, choice by choice; pure functions, no reader."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from .symbolic_things import Class, Const, Function, Many, Native, Object, Op, Outside, Result, Table, Text, Thing
from .symbolic_values import constant, held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .symbolic_notes import Value


def _is_in(a: Any, b: Any) -> bool:  # noqa: ANN401 - whatever Python takes
    """``a in b``, of texts and of flags."""
    return (a & b) == a if isinstance(a, int) and isinstance(b, int) else a in b


COMPARED: Mapping[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Is: ("is", operator.is_),
    ast.IsNot: ("is not", operator.is_not),
    ast.In: ("in", _is_in),
    ast.NotIn: ("not in", lambda a, b: not _is_in(a, b)),
}


def compare(name: str, compute: Callable[[Any, Any], Any], left: Value, right: Value) -> bool | None:
    """Compare constants; an object of any kind is not None."""
    decided: set[bool | None] = set()
    for a in left:
        for b in right:
            container = held(b).thing if name in {"in", "not in"} else b.thing
            decided.add(_compare_things(name, compute, a.thing, container))
    return decided.pop() if len(decided) == 1 else None


def _compare_things(  # noqa: C901, PLR0911 - one for each kind
    name: str, compute: Callable[[Any, Any], Any], a: Thing, b: Thing
) -> bool | None:
    if a is b and name in {"is", "is not", "==", "!="} and isinstance(a, Object | Class | Function | Native):
        return name in {"is", "=="}
    if (
        isinstance(a, Object)
        and isinstance(b, Object)
        and a.kind.is_enumeration
        and b.kind.is_enumeration
        and name in {"is", "is not", "==", "!="}
    ):
        return name in {"is not", "!="}
    if name in {"==", "!="} and _differ(a, b):
        return name == "!="
    known = Const, Outside, Many, Table, Text, Object, Class, Function, Native
    if isinstance(b, Const) and b.value is None and name in {"is", "is not", "==", "!="} and isinstance(a, known):
        is_none = isinstance(a, Const) and a.value is None
        return is_none if name in {"is", "=="} else not is_none
    if isinstance(a, Outside) and isinstance(b, Outside) and name in {"is", "is not", "==", "!="} and a.name == b.name:
        return name in {"is", "=="}
    if isinstance(a, Const) and isinstance(b, Const):
        try:
            return bool(compute(a.value, b.value))
        except (TypeError, ValueError):
            return None
    if isinstance(a, Const) and name in {"in", "not in"}:
        among = None
        if (
            isinstance(b, Many)
            and b.whole
            and all(len(item) == 1 and isinstance(item[0].thing, Const) for item in b.items)
        ):
            among = [constant(item) for item in b.items]
        elif isinstance(b, Table) and not b.others:
            among = list(b.items)
        return None if among is None else (a.value in among) == (name == "in")
    return None


SOUGHT = {(">=", 0): "in", (">", -1): "in", ("!=", -1): "in", ("<", 0): "not in", ("==", -1): "not in"}
COUNTED = {(">", 0): "in", ("!=", 0): "in", (">=", 1): "in", ("==", 0): "not in", ("<", 1): "not in"}
MEANT = {".find": SOUGHT, ".rfind": SOUGHT, ".count": COUNTED}


def in_words(name: str, left: Value, right: Value) -> Op | None:
    """``text.find(word) >= 0`` and ``text.count(word) > 0`` as the ``word in text`` that they mean."""
    thing, number = left[0].thing if len(left) == 1 else None, constant(right)
    if not isinstance(thing, Result) or not isinstance(number, int) or len(thing.call.args) != 1:
        return None
    meant = MEANT.get(thing.call.name, {}).get((name, number))
    return Op(meant, (thing.call.args[0], thing.call.receiver)) if meant else None


def _differ(a: Thing, b: Thing) -> bool:
    """A member of an enumeration is no constant."""
    members = [one for one in (a, b) if isinstance(one, Object) and one.kind.is_enumeration]
    return len(members) == 1 and any(isinstance(one, Const) for one in (a, b))
