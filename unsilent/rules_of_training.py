"""Rules: training that hides what went wrong in it.

Healthy: an error or an early end where something is not finite or nothing is left to learn; numbers that are made
finite for a plot, outside the way from the loss to the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding, assigned_at
from .model_calls import in_trainings, trainings
from .nan_questions import asks_nan, in_nan_branch
from .symbols import Function, Outside, Part, Result, Site, constant, things, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .entry_points import Run
    from .symbols import Call, Thing, Value

HOOKS = {
    "register_hook",
    "register_full_backward_hook",
    "register_post_accumulate_grad_hook",
    "register_backward_hook",
    "register_forward_hook",
}
GIVES_NOTHING = {"append", "__setitem__", "print", "add_scalar", "log"}
STEPS = {"compute_loss", "training_step"}


def find_masked_nan(reading: Reading) -> Iterator[Finding]:
    """[nan-masked] NaN in a loss or gradient is replaced, or gradients are zeroed, and training goes on."""
    for run in reading.runs:
        acts = trainings(run)
        if not acts:
            continue
        yield from _masked_stores(run)
        yield from _masked_calls(run)
        for act in acts:
            if act.call.last == "backward":
                yield from _replaced_loss(run, act.fed)
        for function, _, result, _ in run.applied:
            if function.name in STEPS:
                yield from _replaced_loss(run, result)


def _masked_calls(run: Run) -> Iterator[Finding]:
    """What is not finite is replaced by a call; gradients are zeroed by one."""
    kept = _kept(run)
    for call in run.calls:
        if _replaces(call) and _on_the_way(call, run, kept):
            yield _masked(run, call.site, f"{call.last} on the way from the loss to the weights")
        elif call.last in HOOKS and any(map(_is_replacer, call.args)):
            yield _masked(run, call.site, "nan_to_num as a hook of a weight")
        elif call.last in {"zero_", "zero_grad", "fill_"} and in_nan_branch(call.guards):
            yield _masked(run, call.site, "gradients zeroed where they are not finite")


def _masked_stores(run: Run) -> Iterator[Finding]:
    """Gradients, or numbers of the log, that are assigned because they were not finite."""
    for store in run.stores:
        if store.name in {"grad", "data"} and in_nan_branch(store.guards) and _of_gradient(store.target, store.name):
            yield _masked(run, store.site, "gradients put aside where they are not finite")
        told = constant(store.key) in {"loss", "grad_norm"} and in_nan_branch(store.guards)
        if not store.name and (asks_nan(store.key) or told):
            yield _masked(run, store.site, "another number written where one is not finite")


def _of_gradient(target: Value, name: str) -> bool:
    return name == "grad" or any(isinstance(choice.thing, Part) and choice.thing.name == "grad" for choice in target)


def _replaces(call: Call) -> bool:
    given = (*call.args, *call.kwargs.values())
    if call.last in {"nan_to_num", "nan_to_num_"}:
        return True
    return call.last in {"where", "masked_fill", "masked_fill_"} and any(asks_nan(value) for value in given)


def _is_replacer(handed: Value) -> bool:
    """``nan_to_num`` itself, handed over, with or without arguments of its own."""
    names = {choice.thing.name.rpartition(".")[2] for choice in walk(handed) if isinstance(choice.thing, Outside)}
    return bool(names & {"nan_to_num", "nan_to_num_"})


def _kept(run: Run) -> set[int]:
    """The calls whose result training goes on with: it becomes a weight or a gradient, or a hook or a step gives it."""
    handed = [thing for call in run.calls if call.last in HOOKS for value in call.args for thing in things(value)]
    hooked = {id(thing.node) for thing in handed if isinstance(thing, Function)}
    values = [store.value for store in run.stores if store.name in {"data", "grad"}]
    values += [value for call in run.calls if call.last == "copy_" for value in call.args]
    values += [given for one, _, given, _ in run.applied if id(one.node) in hooked or one.name in STEPS]
    kept = walk(tuple(choice for value in values for choice in value), into=_gives_something)
    return {id(choice.thing.call) for choice in kept if isinstance(choice.thing, Result)}


def _gives_something(thing: Thing) -> bool:
    return not (isinstance(thing, Result) and thing.call.last in GIVES_NOTHING)


def _on_the_way(call: Call, run: Run, kept: set[int]) -> bool:
    """Whether what is replaced lies between the loss and the weights; a number made finite for a log does not."""
    if id(call) in kept or in_trainings(run, call):
        return True
    changed = call.argument("out") or (call.receiver or call.argument("input", 0) if call.last.endswith("_") else ())
    return any(
        (isinstance(thing, Part) and thing.kind == "attribute" and thing.name == "grad")
        or (isinstance(thing, Result) and (id(thing.call) in kept or in_trainings(run, thing.call)))
        for thing in (choice.thing for choice in walk(changed))
    )


def _replaced_loss(run: Run, loss: Value) -> Iterator[Finding]:
    """A loss that is something else where it was not finite."""
    for choice in loss:
        if in_nan_branch(choice.guards):
            yield _masked(run, assigned_at(choice), "another loss where it is not finite")


def _masked(run: Run, site: Site, got: str) -> Finding:
    return Finding(
        "nan-masked", site, "likely", "training to stop where a loss or gradient is not finite",
        f"{got}, and training that goes on", "remove it and find the first value that is not finite", (), run.name,
    )  # fmt: skip
