"""Rule: what is left out of a zip is matched on the wrong part of a path.

A word, a pattern or a set of names that is looked for in a whole absolute path matches the folders above the bundled
one as well: below a parent called ``grader`` everything was left out. Healthy: the same on a path relative to the
bundled folder or on a file's own name, and words that stand at a path's end or are no folder's that anybody works in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding
from .model_calls import packs
from .symbols import Const, Op, Outside, Part, Result, Text, constant, things, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .symbols import Choice, Thing, Value

# What tools write below a folder; nobody keeps a checkout in it.
LEFTOVERS = {
    *("__pycache__", ".pyc", ".pyo", ".ipynb", ".ipynb_checkpoints", ".DS_Store", "__MACOSX", ".egg-info"),
    *(".pytest_cache", ".ruff_cache", ".mypy_cache"),
}
LISTED = {"rglob", "glob", "iterdir", "walk", "scandir"}
SETS = {"isdisjoint", "intersection", "issubset", "issuperset"}
SEARCHES = {"search", "match", "fullmatch", "findall"}


def find_absolute_exclusions(reading: Reading) -> Iterator[Finding]:
    """[bundle-too-large] What is left out of the zip is matched on the whole path, parent folders included."""
    for run in reading.runs:
        if not any(map(packs, run.calls)):
            continue
        tested = tuple(choice for guard in run.tests for choice in guard.test)
        returned = tuple(choice for _, _, result, _ in run.applied for choice in result)
        for choice in walk((*tested, *returned)):
            if _matches_above(choice.thing):
                yield Finding(
                    "bundle-too-large", choice.site, "likely",
                    "what is left out to be matched below the bundled folder",
                    "a match on the absolute path: a parent folder of that name empties the zip",
                    "match on path.relative_to(folder)", choice.path, run.name,
                )  # fmt: skip


def _matches_above(thing: Thing) -> bool:
    """Whether something is looked for in a whole path that may stand in the folders above."""
    if isinstance(thing, Op) and len(thing.operands) == 2:  # noqa: PLR2004 - what, and where
        left, right = thing.operands
        if thing.name in {"in", "not in"}:
            words = left if _is_whole_path(right) else right if _is_component(left) else ()
        else:
            words = right if thing.name == "&" and _is_whole_path(left) else ()
            words = left if thing.name == "&" and _is_whole_path(right) else words
        return bool(words) and not _only_leftovers(words)
    call = thing.call if isinstance(thing, Result) else None
    if call is None or not call.args:
        return False
    if call.last in {"fnmatch", "fnmatchcase"}:
        return _is_whole_path(call.args[0]) and not _ends(call.argument("pat", 1), "*")
    if call.last in SETS:
        pair = (call.receiver, call.args[0])
        return any(_is_whole_path(a) and not _only_leftovers(b) for a, b in (pair, pair[::-1]))
    if call.last in SEARCHES:
        compiled = call.receiver[0].thing if call.receiver else None
        pattern = compiled.call.args[0] if isinstance(compiled, Result) and compiled.call.args else call.args[0]
        return _is_whole_path(call.args[-1 if call.receiver else 1 :][0]) and not _ends(pattern, "$")
    return False


def _only_leftovers(words: Value) -> bool:
    found = [one.thing.value for one in walk(words) if isinstance(one.thing, Const)]
    return bool(found) and all(isinstance(word, str) and word.strip("/*") in LEFTOVERS for word in found)


def _ends(pattern: Value, mark: str) -> bool:
    """Whether a pattern says something of a path's end alone: ``*.pt`` does, and so does a regular one with ``$``."""
    known = [choice.thing.value for choice in pattern if isinstance(choice.thing, Const)]
    texts = [text for text in known if isinstance(text, str)]
    if mark == "$":
        return bool(texts) and all(text.endswith(mark) for text in texts)
    return bool(texts) and all(not text.endswith(mark) or text.strip(mark + "/") in LEFTOVERS for text in texts)


# Whole paths


def _is_whole_path(value: Value) -> bool:
    """All parts, or the text, of a path that was found below an absolute folder."""
    return any(_is_whole(choice.thing) for choice in value)


def _is_component(value: Value) -> bool:
    """One of the names in a whole path, whichever."""
    parts = [thing for thing in things(value) if isinstance(thing, Part)]
    parts += [thing for part in parts if part.name == "name" for thing in things(part.of) if isinstance(thing, Part)]
    return any(
        part.kind == "item" and not isinstance(constant(part.key), int) and any(map(_is_split, part.of))
        for part in parts
    )


def _is_split(choice: Choice) -> bool:
    thing = choice.thing
    named = isinstance(thing, Part) and thing.kind == "attribute" and thing.name in {"parts", "parents"}
    return _is_whole(thing) and (named or (isinstance(thing, Result) and thing.call.last == "split"))


def _is_whole(thing: Thing) -> bool:  # noqa: PLR0911 - one for each kind
    if isinstance(thing, Text) and len(thing.parts) == 1 and not isinstance(thing.parts[0], str):
        return _is_whole_path(thing.parts[0])
    if isinstance(thing, Part):
        if thing.kind == "attribute":
            return thing.name in {"parts", "path", "parent", "parents"} and _is_whole_path(thing.of)
        return _is_listed(thing) or (not _cuts(thing) and _is_whole_path(thing.of))
    if isinstance(thing, Op) and thing.name == "/":
        return _is_whole_path(thing.operands[0])
    if isinstance(thing, Result):
        call = thing.call
        if call.last in {"as_posix", "lower", "split", "resolve", "absolute"}:
            return _is_whole_path(call.receiver)
        return call.last in {"join", "Path", "fspath", "abspath"} and any(map(_is_whole_path, call.args[:1]))
    return False


def _is_listed(thing: Part) -> bool:
    """What a walk through an absolute folder gives."""
    listed = [one.thing.call for one in thing.of if isinstance(one.thing, Result) and one.thing.call.last in LISTED]
    return any(_is_absolute(value) for call in listed for value in (call.receiver, *call.args[:1]))


def _cuts(thing: Part) -> bool:
    """Whether an element or slice leaves the folders above behind: the last name, or what follows the root."""
    key = thing.key[0].thing if len(thing.key) == 1 else None
    if isinstance(key, Op):
        return key.name == "USub" or (key.name == ":" and constant(key.operands[0]) != 0 and not _is_none(key))
    known = constant(thing.key)
    return isinstance(known, int) and known != 0


def _is_none(piece: Op) -> bool:
    begin = piece.operands[0][0].thing if piece.operands[0] else None
    return isinstance(begin, Const) and begin.value is None


def _is_absolute(value: Value) -> bool:
    """A folder by its whole path, from the root on."""
    return any(_starts_at_root(choice.thing) for choice in value)


def _starts_at_root(thing: Thing) -> bool:
    if isinstance(thing, Outside):
        return thing.name == "__file__"
    if isinstance(thing, Result):
        call = thing.call
        if call.last in {"resolve", "absolute", "abspath", "realpath", "cwd", "getcwd"}:
            return True
        return call.last in {"Path", "join", "dirname", "fspath"} and any(map(_is_absolute, call.args[:1]))
    if isinstance(thing, Op):
        return thing.name == "/" and _is_absolute(thing.operands[0])
    if isinstance(thing, Text):
        return not isinstance(thing.parts[0], str) and _is_absolute(thing.parts[0])
    return isinstance(thing, Part) and _is_absolute(thing.of)
