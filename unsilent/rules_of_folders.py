"""Rules: where adapters are looked for, and where they are saved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .code_findings import Finding
from .code_paths import joins, may_be_same_place, path_of
from .model_calls import in_trainings, loads_adapter, makes_adapter, saves, trainings
from .symbols import (
    Const,
    Result,
    Text,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading, Sure
    from .symbols import Call, Choice, Thing, Value


def find_overwriting(reading: Reading) -> Iterator[Finding]:
    """[adapter-overwritten] What loads an adapter, and trains nothing, saves over it.

    Healthy: a merged model that is exported to another folder.
    """
    for run in reading.runs:
        for call in run.calls:
            if not saves(call):
                continue
            target = call.argument("save_directory", 0)
            for choice in walk(call.receiver, into=_not_made):
                loaded = choice.thing.call if isinstance(choice.thing, Result) else None
                if loaded is None or not loads_adapter(loaded) or in_trainings(run, loaded) or _excludes(call, loaded):
                    continue
                place = loaded.argument("model_id", 1)
                if may_be_same_place(target, place):
                    yield Finding(
                        "adapter-overwritten", call.site, "certain" if not call.guards else "likely",
                        "nothing to be written where an adapter is only loaded",
                        f"a save over the folder that the adapter was loaded from ({loaded.site})",
                        "remove the save, or name another folder", (), run.name,
                    )  # fmt: skip


def _excludes(one: Call, other: Call) -> bool:
    """Whether they stand in two branches of one condition."""
    return any(
        mine.kind == theirs.kind == "if" and mine.site == theirs.site and mine.holds != theirs.holds
        for mine in one.guards
        for theirs in other.guards
    )


def _not_made(thing: Thing) -> bool:
    return not (isinstance(thing, Result) and makes_adapter(thing.call))


FORMATS = re.compile(r"\.(bin|safetensors)$")


def find_one_format(reading: Reading) -> Iterator[Finding]:
    """[adapter-format] Whether there is an adapter is decided by one of its two formats alone.

    What counts is what stands around the loading, or leads to the file that is loaded. Healthy: both are looked for,
    or only ``adapter_config.json``, or PEFT is left to look itself; a file that is merely mentioned or measured.
    """
    for run in reading.runs:
        if trainings(run):
            continue
        values = [
            value
            for call in run.calls
            if loads_adapter(call) or makes_adapter(call)
            for value in (*call.args, *call.kwargs.values(), *(guard.test for guard in call.guards))
        ]
        reached = list(walk(tuple(one for value in values for one in value)))
        around = tuple(one for choice in reached for guard in choice.guards for one in guard.test)
        looked: dict[str, list[Choice]] = {}
        for choice in [*reached, *walk(around)]:
            said = choice.thing.value if isinstance(choice.thing, Const) else _tail(choice.thing)
            if isinstance(said, str) and (found := FORMATS.search(said)) and _is_adapters(said):
                looked.setdefault(found[1], []).append(choice)
        if len(looked) == 1:
            ((name, choices),) = looked.items()
            other = "safetensors" if name == "bin" else "bin"
            yield Finding(
                "adapter-format", choices[0].site, "certain" if name == "bin" else "likely",
                "both adapter_model.safetensors and adapter_model.bin to be looked for",
                f".{name} alone, so that one saved as .{other} is taken for missing",
                "look for both, or let PEFT look", choices[0].path, run.name,
            )  # fmt: skip


def _tail(thing: Thing) -> str:
    return thing.parts[-1] if isinstance(thing, Text) and isinstance(thing.parts[-1], str) else ""


def _is_adapters(said: str) -> bool:
    return "adapter" in said or said.startswith(("*", "."))


def find_nested_folders(reading: Reading) -> Iterator[Finding]:
    """[nested-output-dir] A path that already names the package's folder is joined to that folder.

    Healthy: the same path joined to the folder above, and a bare name joined to the package's.
    """
    for run in reading.runs:
        given = (value for call in run.calls for value in (call.receiver, *call.args, *call.kwargs.values()))
        for choice in walk(tuple(one for value in given for one in value)):
            base, joined = joins(choice.thing)
            for left in base:
                for right in joined:
                    folder, name = path_of(left, reading), path_of(right, reading)
                    if folder and name and folder[-1] == name[0] and not _is_there([*folder, name[0]], reading):
                        yield Finding(
                            "nested-output-dir", choice.site, _how_surely_nested(choice, right),
                            "a path with a separator to be taken as it is",
                            f"{'/'.join(name)} joined to {'/'.join(folder)}, which gives {'/'.join([*folder, *name])}",
                            "join bare names only; print which folder was taken",
                            right.path, run.name,
                        )  # fmt: skip


def _how_surely_nested(choice: Choice, right: Choice) -> Sure:
    """Only possible where the code asks about the path before it joins; whether it is absolute is no such question."""
    asked = [
        guard
        for guard in choice.guards
        if guard.kind == "if"
        and any(one.thing is right.thing for one in walk(guard.test))
        and not _asks_absolute(guard.test)
    ]
    return "possible" if asked else "likely" if right.guards else "certain"


def _asks_absolute(test: Value) -> bool:
    named = {one.thing.call.last for one in walk(test) if isinstance(one.thing, Result)}
    return bool(named & {"is_absolute", "isabs", "startswith"})


def _is_there(path: list[str], reading: Reading) -> bool:
    """Whether the submission really has such a folder inside itself."""
    inside = path[1:]
    return any(source.file.split("/")[: len(inside)] == inside for source in reading.tree.sources.values())
