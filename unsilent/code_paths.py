"""Paths as code writes them: what is joined to what, where a path leads, whether two may be the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .alike_values import alike, leaves
from .symbols import (
    Const,
    Op,
    Outside,
    Part,
    Result,
    Text,
    constant,
    one,
)

if TYPE_CHECKING:
    from .code_findings import Reading
    from .symbols import Call, Choice, Thing, Value


def may_be_same_place(a: Value, b: Value) -> bool:
    """Whether two paths are written alike, or may be: a default stands in one and may in the other."""
    for x in leaves(_bare(a)):
        for y in leaves(_bare(b)):
            if alike((x,), (y,)):
                return True
            (left, right), (other_left, other_right) = joins(x.thing), joins(y.thing)
            if left and other_left and may_be_same_place(left, other_left) and may_be_same_place(right, other_right):
                return True
    return False


def _bare(value: Value) -> Value:
    """A path without ``str(...)`` and ``Path(...)`` around it."""
    thing = value[0].thing if len(value) == 1 else None
    if isinstance(thing, Text) and len(thing.parts) == 1 and not isinstance(thing.parts[0], str):
        return _bare(thing.parts[0])
    if isinstance(thing, Result) and thing.call.last in {"Path", "str", "fspath", "as_posix"} and thing.call.args:
        return _bare(thing.call.args[0])
    return value


def joins(thing: Thing) -> tuple[Value, Value]:
    """What a path is joined to, and what is joined; nothing for other things."""
    if isinstance(thing, Op) and thing.name == "/":
        return thing.operands[0], thing.operands[1]
    if isinstance(thing, Result) and thing.call.last in {"joinpath", "join"}:
        given = [*([thing.call.receiver] if thing.call.last == "joinpath" else []), *thing.call.args]
        if len(given) > 1:
            return given[0], given[1]
    if isinstance(thing, Text):
        return _joined_by_hand(thing)
    return (), ()


def _joined_by_hand(thing: Text) -> tuple[Value, Value]:
    """``f"{folder}/name"``."""
    first, rest = thing.parts[0], thing.parts[1:]
    texts = [part for part in rest if isinstance(part, str)]
    if isinstance(first, str) or not first or not texts or rest[0] != texts[0] or not texts[0].startswith("/"):
        return (), ()
    if len(texts) == len(rest):
        return first, one(Const("".join(texts)[1:]), first[0].site)
    hole = rest[1]
    return (first, hole) if texts == ["/"] and len(rest) == 2 and not isinstance(hole, str) else ((), ())  # noqa: PLR2004


def path_of(choice: Choice, reading: Reading) -> list[str]:
    """A path's parts, beginning with the folder that holds the submission; none where it is not known."""
    thing = choice.thing
    if isinstance(thing, Outside) and thing.name == "__file__":
        return [reading.tree.folder.resolve().name, *choice.site.file.split("/")]
    if isinstance(thing, Const) and isinstance(thing.value, str):
        return [part for part in thing.value.split("/") if part not in {"", "."}]
    base, joined = joins(thing)
    if base and joined:
        left, right = path_of(base[0], reading), path_of(joined[0], reading)
        return [*left, *right] if left and right else []
    if isinstance(thing, Text):
        return _path_of_text(thing, reading)
    if isinstance(thing, Part):
        return _path_above(thing, reading)
    return _path_called(thing.call, reading) if isinstance(thing, Result) else []


def _path_above(thing: Part, reading: Reading) -> list[str]:
    """``path.parent``, ``path.parents[1]``."""
    of = thing.of[0]
    if thing.kind == "attribute" and thing.name == "parent":
        return path_of(of, reading)[:-1]
    level = constant(thing.key)
    if isinstance(of.thing, Part) and of.thing.name == "parents" and isinstance(level, int):
        inner = path_of(of.thing.of[0], reading)
        return inner[: max(0, len(inner) - level - 1)]
    return []


def _path_called(call: Call, reading: Reading) -> list[str]:
    """``Path(...)``, ``path.resolve()``, ``os.path.dirname(...)``."""
    given = call.args[0][:1] if call.args else ()
    if call.last in {"resolve", "absolute"} or (call.last == "expanduser" and not call.args):
        given = call.receiver[:1]
    elif call.last not in {"Path", "PurePath", "abspath", "realpath", "fspath", "expanduser", "dirname"}:
        return []
    inner = path_of(given[0], reading) if given else []
    return inner[:-1] if call.last == "dirname" else inner


def _path_of_text(thing: Text, reading: Reading) -> list[str]:
    first = thing.parts[0]
    if not isinstance(first, str):
        return path_of(first[0], reading) if len(thing.parts) == 1 and first else []
    return [part for part in first.split("/") if part not in {"", "."}] + ["..."]
