"""Rules: one dtype for the base in training and in answering, and the one that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding, concerns
from .held_dtypes import CASTS, asked_dtype, dtype_name, dtypes_of
from .model_calls import class_called, is_generation, loads_adapter, loads_base, trainings
from .symbols import (
    Const,
    Table,
    calls_in,
    things,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .code_findings import Reading, Sure
    from .entry_points import Run
    from .symbols import Call, Choice, Function, Value

    Held = dict[str, tuple[Choice | None, Call, Run]]  # by dtype: what says so, the load, the run


def find_dtype_mismatch(reading: Reading) -> Iterator[Finding]:
    """[dtype-mismatch] The base is held in one dtype while its adapter is trained, in another where it answers.

    Only answering with an adapter counts, and only what is known: a dtype that the user chooses is the same in both.
    """
    for part in ("sft", "rft"):
        trained: Held = {}
        asked: Held = {}
        for run in reading.runs:
            if concerns(run, part):
                trained |= _trained_in(run)
                asked |= {} if trainings(run) else _asked_in(run)
        yield from _compare(trained, asked)


def _trained_in(run: Run) -> Held:
    """The dtypes of bases whose adapters are trained."""
    return {
        name: (choice, load, run)
        for act in trainings(run)
        for load in calls_in(act.fed)
        if loads_base(load)
        for name, choice in dtypes_of(run, load, act.call.order).items()
    }


def _asked_in(run: Run) -> Held:
    """The dtypes of bases that answer with an adapter."""
    found: Held = {}
    for call in run.calls:
        inner = list(calls_in(call.receiver)) if is_generation(call) else []
        for load in inner if any(map(loads_adapter, inner)) else ():
            if loads_base(load) or class_called(load).startswith("AutoPeft"):
                found |= {name: (choice, load, run) for name, choice in dtypes_of(run, load, call.order).items()}
    return found


def _compare(trained: Held, asked: Held) -> Iterator[Finding]:
    if not trained or not asked or trained.keys() == asked.keys() or {"unknown"} & (trained.keys() | asked.keys()):
        return
    name = next((one for one in trained if one not in asked), next(iter(trained)))
    choice, load, run = trained[name]
    other_choice, other, _ = next(
        (item for one, item in asked.items() if one not in trained), next(iter(asked.values()))
    )
    sure: Sure = "likely" if trained.keys() & asked.keys() or not (choice and other_choice) else "certain"
    if "auto" in trained.keys() ^ asked.keys():
        sure = "possible"  # what it gives is written in the base's files
    said = [one for one in (choice, other_choice) if one]
    cast = [one for one in said if isinstance(one.thing, Const)]  # it contradicts what the load itself says
    site = (cast or said)[0].site if said else load.site
    yield Finding(
        "dtype-mismatch", site, sure,
        "the base in one dtype in training and in answering",
        f"{' or '.join(sorted(trained))} in training ({(choice or load).site}) and "
        f"{' or '.join(sorted(asked))} in answering ({(other_choice or other).site})",
        "write down the dtype of training beside the adapter and load with it",
        choice.path if choice else (), run.name,
    )  # fmt: skip


def find_ignored_dtype(reading: Reading) -> Iterator[Finding]:
    """[deprecated-dtype-argument] The dtype that was asked for is ignored, for the other name of the argument is read.

    Healthy: a helper that takes either name and passes it on.
    """
    for run in reading.runs:
        yield from _dropped(run)
        for call in run.calls:
            new, old = call.argument("dtype"), call.argument("torch_dtype")
            if loads_base(call) and new and old:
                names = [{dtype_name(choice) for choice in value} for value in (new, old)]
                if not names[0] & names[1] and "unknown" not in names[0] | names[1]:
                    yield Finding(
                        "deprecated-dtype-argument", call.site, "certain", "one dtype",
                        f"dtype {' or '.join(names[0])} and torch_dtype {' or '.join(names[1])}",
                        "pass the name that the installed version takes", (), run.name,
                    )  # fmt: skip


def _dropped(run: Run) -> Iterator[Finding]:
    """A function of the tree takes ``torch_dtype`` among its options, and loads with something else.

    What is handed to any call, to ``autocast`` or a cast for instance, or decides anything, is not ignored.
    """
    loads = [call for call in run.calls if loads_base(call)]
    casts = [call.order for call in run.calls if call.receiver and call.last in CASTS]
    for function, arguments, _, site in run.applied if loads else ():
        asked = [choice for choice in _asked_dtypes(arguments) if dtype_name(choice) in {"fp16", "bf16", "fp32"}]
        here = [call for call in loads if _is_inside(call, function)] if asked else []
        names = {dtype_name(choice) for call in here for choice in asked_dtype(call)}
        ignored = [choice for choice in asked if dtype_name(choice) not in names]
        if not here or not ignored or any(order > here[0].order for order in casts):
            continue
        used = _used_in(run, function)
        for choice in ignored:
            if id(choice.thing) not in used:
                yield Finding(
                    "deprecated-dtype-argument", site if site.line else choice.site, "likely",
                    f"the base in {dtype_name(choice)}, as it is asked for",
                    f"from_pretrained ({here[0].site}) called without it",
                    "accept both names of the argument and pass one on", choice.path, run.name,
                )  # fmt: skip


def _used_in(run: Run, function: Function) -> set[int]:
    """What a function hands to any call, or lets decide something."""
    inside = [call for call in run.calls if _is_inside(call, function)]
    given = [value for call in inside for value in (*call.args, *call.kwargs.values())]
    given += [guard.test for guard in run.tests]
    return {id(choice.thing) for choice in walk(tuple(one for value in given for one in value))}


def _is_inside(call: Call, function: Function) -> bool:
    """Whether a call is made by a function, or by the object that the function made."""
    made = {id(value[0].thing) for value in function.bound} if function.name == "__init__" else set()
    return any(one is function or made & {id(value[0].thing) for value in one.bound} for one in call.stack)


def _asked_dtypes(arguments: Mapping[str, Value]) -> Iterator[Choice]:
    """The dtypes among a function's arguments, by either name, also where they come in a dict."""
    tables = [thing for value in arguments.values() for thing in things(value) if isinstance(thing, Table)]
    for name in ("dtype", "torch_dtype"):
        for value in (arguments.get(name, ()), *(table.items.get(name, ()) for table in tables)):
            for choice in value:
                if not (isinstance(choice.thing, Const) and choice.thing.value in {None, False}):
                    yield choice
