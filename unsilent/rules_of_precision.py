"""Rules: the dtype that training and answering use.

Healthy: bf16 with fp32 as its fallback; fp16 when somebody asked for it, with a gradient scaler; one dtype for the base
in training and in answering, whichever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding, certainty
from .held_dtypes import asked_dtype, asks_hardware, dtype_name, dtypes_of, is_switch, is_wish, is_wished
from .model_calls import loads_base, trainings
from .surely_written import refuses
from .symbols import Const, Op, calls_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading, Sure
    from .entry_points import Run
    from .symbols import Call, Choice, Guard, Value

FLAGS = ("fp16", "fp16_full_eval")
UNSCALED = {None, "no", "bf16"}  # what accelerate's mixed_precision may be without a gradient scaler
CURE = "choose bf16 where the hardware has it and fp32 elsewhere; fp16 by wish only, with a scaler"


def find_unguarded_fp16(reading: Reading) -> Iterator[Finding]:
    """[fp16-unguarded] fp16 that nobody asked for, or that trains without a gradient scaler."""
    for run in reading.runs:
        for name in FLAGS:
            for call in run.calls:
                if not call.receiver and call.last.endswith(("Arguments", "Config")):
                    yield from _flags(reading, run, name, call.argument(name))
            for store in run.stores:
                if store.name == name:
                    yield from _flags(reading, run, name, store.value)
        if not any("GradScaler" in call.name or _mixes(call.argument("mixed_precision")) for call in run.calls):
            yield from _unscaled(run)
        for call in run.calls:
            if loads_base(call):
                yield from _fallback(run, asked_dtype(call))


def _mixes(value: Value) -> bool:
    """Whether accelerate may bring a scaler of its own."""
    return any(not isinstance(choice.thing, Const) or choice.thing.value not in UNSCALED for choice in value)


def _unscaled(run: Run) -> Iterator[Finding]:
    """fp16 in training without a gradient scaler: in the weights, or by autocast."""
    for act in trainings(run):
        for load in {id(one): one for one in calls_in(act.fed) if loads_base(one)}.values():
            for name, choice in dtypes_of(run, load, act.call.order).items():
                if name == "fp16":
                    yield _weights(run, load, choice)
        yield from _autocasts(run)


def _flags(reading: Reading, run: Run, name: str, value: Value) -> Iterator[Finding]:
    """``fp16=`` and ``fp16_full_eval=`` of training arguments, also where they are assigned later."""
    for choice in value:
        on = isinstance(choice.thing, Const) and choice.thing.value is True
        by_hardware = isinstance(choice.thing, Op) and asks_hardware((choice,))
        computed = not isinstance(choice.thing, Const) and asks_hardware((choice,))
        guarded_on = on and any(_chooses(guard) and not refuses(guard, reading.tree) for guard in choice.guards)
        if is_wished(choice) or is_wish((choice,)) or is_switch(choice):
            continue
        if (name == "fp16_full_eval" and on) or by_hardware or computed or guarded_on:
            sure: Sure = "certain" if on and not choice.guards else "likely"
        elif on:
            sure = "possible"  # a GPU with a scaler, if there is a GPU
        else:
            continue
        yield Finding(
            "fp16-unguarded", choice.site, sure,
            f"{name} only where somebody asked for it",
            f"{name} switched on {'by what the machine has' if not on or guarded_on else 'whatever the device'}",
            CURE, choice.path, run.name,
        )  # fmt: skip


def _chooses(guard: Guard) -> bool:
    """Whether the hardware decides; among the keys of a table only where one of them is fp16's."""
    keys = [choice.thing.value for choice in guard.test if isinstance(choice.thing, Const)]
    return asks_hardware(guard.test) and (not keys or any("16" in str(key) and "bf" not in str(key) for key in keys))


def _weights(run: Run, load: Call, choice: Choice | None) -> Finding:
    wished = choice is not None and is_wished(choice)
    return Finding(
        "fp16-unguarded", choice.site if choice else load.site, "possible" if wished else certainty(choice),
        "weights in bf16 or fp32 in training, or fp16 with a gradient scaler",
        "a base in fp16 that is trained on without a scaler", CURE, choice.path if choice else (), run.name,
    )  # fmt: skip


def _autocasts(run: Run) -> Iterator[Finding]:
    for call in run.calls:
        if call.last == "autocast":
            for choice in call.argument("dtype", 1):
                if dtype_name(choice) == "fp16" and not is_wished(choice):
                    yield Finding(
                        "fp16-unguarded", choice.site, certainty(choice), "autocast to bf16, or to fp16 with a scaler",
                        "autocast to fp16 around training without a gradient scaler", CURE, choice.path, run.name,
                    )  # fmt: skip


def _fallback(run: Run, value: Value) -> Iterator[Finding]:
    """fp16 taken because bf16 is missing."""
    names = [dtype_name(choice) for choice in value]
    for choice, name in zip(value, names, strict=True):
        if name == "fp16" and "bf16" in names and not is_wished(choice):
            yield Finding(
                "fp16-unguarded", choice.site, "likely", "fp32 where bf16 is missing",
                "fp16 as the fallback for bf16, which nobody asked for", CURE, choice.path, run.name,
            )  # fmt: skip
