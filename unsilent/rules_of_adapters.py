"""Rules: adapters that are frozen while they train, not found, made up, or written over; and where they are saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding, certainty
from .model_calls import (
    class_called,
    in_trainings,
    is_model_call,
    loads_adapter,
    makes_adapter,
    saves,
    trainings,
)
from .symbolic_values import made_from
from .symbols import Const, Result, calls_in, constant, things, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading, Sure
    from .entry_points import Run
    from .symbols import Call, Choice, Thing, Value


# Calls that take a model and leave it as it is.
ONLY_LOOKS = {
    *("print", "info", "warning", "debug", "error", "len", "sum", "isinstance", "type", "id", "hasattr", "pipeline"),
    *("numel", "float", "int", "str", "format", "round", "sorted", "max", "min", "append", "any", "all", "list"),
    *("PeftModel", "get_peft_model", "from_pretrained", "simple_namespace", "setattr", "getattr", "next"),
}


def _into_one_adapter(thing: Thing) -> bool:
    """A model that was merged starts anew: what was wrong with the adapter in it is over."""
    return not (isinstance(thing, Result) and thing.call.last in {"merge_and_unload", "unload"})


def find_frozen_adapters(reading: Reading) -> Iterator[Finding]:
    """[frozen-adapter] An adapter made for inference reaches training.

    Healthy: the flag in a configuration that is only loaded for answering, and an adapter whose parameters are told to
    require a gradient before training starts.
    """
    for run in reading.runs:
        for act in trainings(run):
            if _unfreezes(run, act.call.order):
                continue
            made_of = [
                choice.thing for choice in walk(act.fed, into=_into_one_adapter) if isinstance(choice.thing, Result)
            ]
            inner = [thing.call for thing in made_of]
            yield from _frozen_afterwards(run, inner, act.call.order)
            for call in [*inner, *_put_on(run, made_of, act.call.order), *act.made_by]:
                if makes_adapter(call) or call in act.made_by:
                    yield from _made_frozen(run, call)
                elif loads_adapter(call) and call.last != "set_peft_model_state_dict":
                    flag = call.argument("is_trainable", 3 if class_called(call).startswith("PeftModel") else 2)
                    states = {_says(choice) for choice in flag} or {False}
                    if True not in states and None not in states:
                        sure: Sure = "likely" if call.guards else "certain"
                        beside = _is_second(call) or _is_reference(call, act.fed)
                        yield Finding(
                            "frozen-adapter", call.site, "possible" if beside else sure,
                            "is_trainable=True where training goes on from an adapter",
                            "an adapter that is loaded frozen, and then trained",
                            "pass is_trainable=True", (), run.name,
                        )  # fmt: skip


def _is_second(call: Call) -> bool:
    """Whether an adapter is loaded beside one in the same model that is trained: ``set_adapter`` chooses among them."""
    return call.last == "load_adapter" and any(
        makes_adapter(inner) or True in map(_says, inner.argument("is_trainable")) for inner in calls_in(call.receiver)
    )


def _is_reference(frozen: Call, fed: Value) -> bool:
    """Whether an adapter stands beside another, new one in what is trained, as a reference that stays as it is."""
    for choice in walk(fed):
        inside = [set(calls_in(value)) for value in made_from(choice.thing)]
        new = [any(map(makes_adapter, calls)) for calls in inside]
        if any(new) and any(frozen in calls and not made for calls, made in zip(inside, new, strict=True)):
            return True
    return False


def _put_on(run: Run, made_of: list[Result], before: int) -> list[Call]:
    """Adapters that a method puts on the model itself: its result is not what is trained."""
    models = {id(thing) for thing in made_of}
    return [
        call
        for call in run.calls
        if call.last in {"add_adapter", "load_adapter"}
        and call.order < before
        and any(id(choice.thing) in models for choice in call.receiver)
    ]


def _frozen_afterwards(run: Run, inner: list[Call], before: int) -> Iterator[Finding]:
    """Every parameter is told to need no gradient, after the adapter was made."""
    made = max((call.order for call in inner if makes_adapter(call)), default=before)
    sites = [
        (store.site, store.guards)
        for store in run.stores
        if store.name == "requires_grad"
        and made < store.order < before
        and {_says(choice) for choice in store.value} == {False}
        and _names(store.target)
    ]
    sites += [
        (call.site, call.guards)
        for call in run.calls
        if call.last == "requires_grad_"
        and made < call.order < before
        and constant(call.argument("requires_grad", 0)) is False
        and (_names(call.receiver) or any(map(makes_adapter, calls_in(call.receiver))))
    ]
    for site, guards in sites:
        if not any(guard.kind == "if" for guard in guards):
            yield Finding(
                "frozen-adapter", site, "likely", "the adapter's parameters to require a gradient in training",
                "every parameter frozen after the adapter was made, the adapter's own among them",
                "freeze the base before get_peft_model, which does so itself", (), run.name,
            )  # fmt: skip


def _says(choice: Choice) -> bool | None:
    return bool(choice.thing.value) if isinstance(choice.thing, Const) else None


def _made_frozen(run: Run, call: Call) -> Iterator[Finding]:
    for config in things(call.argument("peft_config", 1) or call.argument("adapter_config", 0)):
        if isinstance(config, Result):
            flag = config.attrs.get("inference_mode") or config.call.argument("inference_mode")
            for choice in flag:
                if _says(choice):
                    yield Finding(
                        "frozen-adapter", choice.site, certainty(choice),
                        "inference_mode=False, its default, in the configuration that is trained with",
                        f"inference_mode=True, which reaches get_peft_model ({call.site}) and training",
                        "leave inference_mode out; on disk it is always true, and that is normal",
                        choice.path, run.name,
                    )  # fmt: skip


def _unfreezes(run: Run, before: int) -> bool:
    stored = any(
        store.name == "requires_grad" and store.order < before and True in map(_says, store.value)
        for store in run.stores
    )
    return stored or any(
        call.last == "requires_grad_"
        and call.order < before
        and (not call.args or constant(call.args[0]) is not False)
        and any("param" in st or st == "p" for st in _names(call.receiver))
        for call in run.calls
    )


def _names(value: Value) -> set[str]:
    return {
        "param"
        for choice in walk(value)
        if isinstance(choice.thing, Result) and choice.thing.call.last in {"parameters", "named_parameters"}
    }


def find_made_up_adapters(reading: Reading) -> Iterator[Finding]:
    """[adapter-missing] [adapter-untrained] Where an adapter is to be loaded, a new one is made.

    Healthy: a new adapter that is trained in the same run, or that a trained state is loaded into.
    """
    for run in reading.runs:
        made = [call for call in run.calls if makes_adapter(call) and not in_trainings(run, call)]
        if not made or any(call.last in {"set_peft_model_state_dict", "load_state_dict"} for call in run.calls):
            continue
        asked = [call for call in run.calls if is_model_call(call)]
        for call in made:
            saved = next((one for one in run.calls if saves(one) and _holds(one.receiver, call)), None)
            if saved is not None:
                got = f"a new, untrained adapter that is saved as if it were one ({saved.site})"
                yield _made_up(run, call, "adapter-untrained", got)
            elif any(_holds(one.receiver, call) for one in asked):
                got = "a new, untrained adapter in its place, which then answers"
                yield _made_up(run, call, "adapter-missing", got)


def _made_up(run: Run, call: Call, slug: str, got: str) -> Finding:
    sure: Sure = "possible" if _may_be_trained(run, call) else "likely" if call.guards else "certain"
    return Finding(
        slug, call.site, sure,
        "an error where there is no adapter to load", got,
        "raise an error that lists what was looked for, and create nothing", (), run.name,
    )  # fmt: skip


def _may_be_trained(run: Run, made: Call) -> bool:
    """Whether foreign code was handed the adapter, by itself or in an object, and may train it in a way of its own."""
    return any(
        isinstance(choice.thing, Result) and choice.thing.call is made
        for call in run.calls
        if call.order > made.order and call.last not in ONLY_LOOKS and not saves(call) and not is_model_call(call)
        for value in (*call.args, *call.kwargs.values())
        for choice in walk(value, into=_is_no_result, with_attrs=True)
    )


def _is_no_result(thing: Thing) -> bool:
    """What was computed with a model is not the model."""
    return not isinstance(thing, Result)


def _holds(value: Value, call: Call) -> bool:
    return any(
        isinstance(choice.thing, Result) and choice.thing.call is call for choice in walk(value, with_attrs=False)
    )
