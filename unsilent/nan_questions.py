"""Whether code asks if something is finite, and in which of its branches it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .symbols import Op, Result, walk

if TYPE_CHECKING:
    from .symbols import Guard, Thing, Value

NAN_WORDS = {"isnan", "isna", "isnull", "isinf", "isfinite", "is_nan", "isneginf", "isposinf"}


def asks_nan(value: Value) -> bool:
    """Whether something depends on numbers being finite."""
    for choice in walk(value):
        thing = choice.thing
        if isinstance(thing, Result) and thing.call.last in NAN_WORDS:
            return True
        if isinstance(thing, Op) and _compares_with_itself(thing):
            return True
    return False


def in_nan_branch(guards: tuple[Guard, ...]) -> bool:
    """Whether this is the branch in which something was not finite."""
    return any(guard.kind == "if" and says_nan(guard.test) is guard.holds for guard in guards)


def says_nan(test: Value) -> bool | None:
    """Whether a condition holds where something is not finite, or where all is; None where it asks something else."""
    found = {_says_nan(choice.thing) for choice in test}
    return found.pop() if len(found) == 1 else None


def _says_nan(thing: Thing) -> bool | None:
    if isinstance(thing, Result):
        if thing.call.last in NAN_WORDS:
            return thing.call.last != "isfinite"
        inner = (said for value in (thing.call.receiver, *thing.call.args) if (said := says_nan(value)) is not None)
        return next(inner, None)
    if isinstance(thing, Op):
        if thing.name == "not":
            said = says_nan(thing.operands[0])
            return None if said is None else not said
        if _compares_with_itself(thing):
            return thing.name == "!="
        return next((said for value in thing.operands if (said := says_nan(value)) is not None), None)
    return None


def _compares_with_itself(thing: Op) -> bool:
    """``x != x``, which only NaN does."""
    if thing.name not in {"!=", "=="} or not all(thing.operands):
        return False
    left, right = thing.operands
    return left[0].thing is right[0].thing
