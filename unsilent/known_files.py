"""Settings that stand in a file of the submission: JSON, TOML or YAML, read where the code names the file.

What is read becomes a dict that knows where it came from: whoever asks whether something was read from a file is told
so. Only small files count, and only those with names and values at their top; a data set is none.
"""

from __future__ import annotations

import configparser
import importlib
import json
import posixpath
import re
import tomllib
from typing import TYPE_CHECKING, Any

from .known_constants import spelled
from .symbolic_notes import Site
from .symbolic_things import Const, Many, Op, Outside, Part, Result, Table, Text
from .symbolic_values import constant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .known_builtins import Args, Known, Kwargs
    from .symbolic_calls import Calls
    from .symbolic_notes import Choice, Value
    from .symbolic_things import Thing

LARGEST_SETTINGS = 64_000  # bytes; settings of a submission have about 1,000
MOST_ENTRIES = 2_000  # of settings, those inside others included
DEEPEST_PATH = 12  # joins and parents of a path
UNCHANGED = {"resolve", "absolute", "expanduser", "Path", "PurePath", "abspath", "realpath", "fspath", "str"}
OPENED = {"open", "read_text", "read_bytes", "read"}


def path_of(value: Value, deep: int = DEEPEST_PATH) -> str | None:
    """The path below the submission's folder that a value names, with slashes; None where nobody knows."""
    thing = value[0].thing if len(value) == 1 and deep else None
    if isinstance(thing, Const):
        return thing.value if isinstance(thing.value, str) else None
    if isinstance(thing, Outside):
        return value[0].site.file if thing.name == "__file__" else None
    if isinstance(thing, Op) and thing.name == "/":
        return _joined([path_of(part, deep - 1) for part in thing.operands])
    if isinstance(thing, Text):
        parts = [part if isinstance(part, str) else path_of(part, deep - 1) for part in thing.parts]
        return None if None in parts else "".join(str(part) for part in parts)
    if isinstance(thing, Part):
        return _part_of_path(thing, deep)
    return _called_path(thing, deep) if isinstance(thing, Result) else None


def _joined(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return posixpath.join(*known) if known and len(known) == len(parts) else None


def _part_of_path(thing: Part, deep: int) -> str | None:
    """``path.parent`` and ``path.parents[1]``."""
    of = thing.of[0].thing if len(thing.of) == 1 else None
    if thing.kind == "item" and isinstance(of, Part) and of.name == "parents":
        number = constant(thing.key)
        return _up(path_of(of.of, deep - 1), number + 1) if isinstance(number, int) else None
    return _up(path_of(thing.of, deep - 1)) if thing.name == "parent" else None


def _up(path: str | None, steps: int = 1) -> str | None:
    """The folder so many steps above."""
    for _ in range(min(steps, DEEPEST_PATH) if path is not None else 0):
        path = posixpath.dirname(str(path)) or "."
    return path


def _called_path(thing: Result, deep: int) -> str | None:
    call = thing.call
    given = [*([call.receiver] if call.receiver else []), *call.args]
    if call.last in UNCHANGED and given:
        return _joined([path_of(value, deep - 1) for value in given])
    if call.last in {"join", "joinpath"}:
        return _joined([path_of(value, deep - 1) for value in given])
    if call.last == "dirname" and given:
        return _up(path_of(given[0], deep - 1))
    if call.last in {"with_name", "with_suffix"} and call.receiver:
        path, name = path_of(call.receiver, deep - 1), constant(call.argument("name", 0) or call.argument("suffix", 0))
        if path is not None and isinstance(name, str):
            return posixpath.join(posixpath.dirname(path), name) if call.last == "with_name" else _suffixed(path, name)
    return None


def _suffixed(path: str, suffix: str) -> str:
    return posixpath.splitext(path)[0] + suffix


def _opened(value: Value) -> Value:
    """The path of a file that was opened or read; a path stays what it is."""
    thing = value[0].thing if len(value) == 1 else None
    if isinstance(thing, Result) and thing.call.last in OPENED:
        return _opened(thing.call.receiver or thing.call.argument("file", 0))
    return value


def _text_of(folder: Path, path: str) -> tuple[str, str] | None:
    """A small file of the submission: its path as it is told, and its text."""
    file = posixpath.normpath(path)
    place = folder / file
    if file.startswith(("/", "..")) or any(
        part.is_symlink() for part in (place, *place.parents)[: file.count("/") + 1]
    ):
        return None
    try:
        if not place.is_file() or place.stat().st_size > LARGEST_SETTINGS:
            return None
        return file, place.read_bytes().decode()
    except (OSError, ValueError):
        return None


def _yaml(text: str) -> object:
    """YAML, where something that reads it is installed."""
    return importlib.import_module("yaml").safe_load(text)


def _settings(name_of_call: str, parse: Callable[[str], Any]) -> Known:
    """A function that reads settings."""

    def known(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
        if (spelt := constant(args[0]) if args else None) is not None and name_of_call.endswith("loads"):
            return spelled(parse)(on, args, {}, site) if isinstance(spelt, str) else None
        path = path_of(_opened(args[0])) if args else None
        found = _text_of(on.tree.folder, path) if path is not None else None
        if found is None:
            return None
        file, text = found
        try:
            content = parse(text)
        except Exception:  # noqa: BLE001 - whatever a parser says of a file that is none of its own
            return None
        if not isinstance(content, dict) or not _are_settings(content):
            return None
        left = [MOST_ENTRIES]
        entries: dict[object, Value] = {
            name: _as_value(on, inner, Site(file, _line_of(text, name) or site.line), left)
            for name, inner in content.items()
        }
        return on.make(Table(entries, read_from=on.foreign(name_of_call, (), args, kwargs, site)), site)

    return known


def read_sections(on: Calls, of: Choice, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``ConfigParser().read(path)``: its sections, by name."""
    parser = of.thing.call.last if isinstance(of.thing, Result) else ""
    path = path_of(args[0]) if args and parser in {"ConfigParser", "RawConfigParser"} else None
    found = _text_of(on.tree.folder, path) if path is not None else None
    if found is None:
        return None
    content = configparser.RawConfigParser()
    try:
        content.read_string(found[1])
    except configparser.Error:
        return None
    for name in content.sections():
        line = _line_of(found[1], name) or site.line
        entries: dict[object, Value] = {
            key: on.make(Const(text), Site(found[0], _line_of(found[1], key) or line))
            for key, text in content[name].items()
        }
        of.thing.attrs[f"[{name}]"] = on.make(Table(entries), site)
    return None


def _are_settings(content: dict[object, object]) -> bool:
    """Settings have names; keys of several words belong to a data set."""
    return all(
        isinstance(name, str) and " " not in name and (not isinstance(inner, dict) or _are_settings(inner))
        for name, inner in content.items()
    )


def _line_of(text: str, name: str) -> int:
    """The line in which a setting stands, as far as it can be told; 0 for none."""
    found = re.search(rf"^.*?[\"'\[]?\b{re.escape(name)}\b[\"'\]]?\s*(?:[:=]|$)", text, flags=re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 0


def _as_value(on: Calls, content: object, site: Site, left: list[int]) -> Value:
    """What a file says, as values."""
    left[0] -= 1
    made: Thing = Const(content)
    if left[0] <= 0:
        made = Const(None)
    elif isinstance(content, dict):
        made = Table({key: _as_value(on, inner, site, left) for key, inner in content.items() if isinstance(key, str)})
    elif isinstance(content, list):
        made = Many([_as_value(on, inner, site, left) for inner in content])
    return on.make(made, site)


PARSERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("json.load", "json.loads"), json.loads),
    **dict.fromkeys(("toml.load", "toml.loads", "tomllib.load", "tomllib.loads"), tomllib.loads),
    **dict.fromkeys(("yaml.safe_load", "yaml.load", "yaml.full_load"), _yaml),
}
FILES: dict[str, Known] = {name: _settings(name, parse) for name, parse in PARSERS.items()}
