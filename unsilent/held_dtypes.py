"""In which dtype a base is held, and who decided it: the code, the machine, or somebody who asked.

A load names a dtype under one of two names, casts change it afterwards. A condition around a choice says whether the
hardware was asked, or the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model_calls import loads_adapter, makes_adapter
from .symbols import (
    Choice,
    Const,
    Op,
    Outside,
    Part,
    Result,
    Unknown,
    constant,
    walk,
)

if TYPE_CHECKING:
    from .entry_points import Run
    from .symbols import Call, Thing, Value

FP16 = {"torch.float16", "torch.half", "float16", "fp16", "half", "torch.HalfTensor"}
BF16 = {"torch.bfloat16", "bfloat16", "bf16"}
FP32 = {"torch.float32", "torch.float", "float32", "fp32", "float"}
CASTS = {"half": "fp16", "float": "fp32", "bfloat16": "bf16", "double": "fp64"}
# Names under which people say that they want half precision.
WISH_WORDS = ("fp16", "float16", "half", "precision", "amp", "dtype")
# Words of calls that ask the machine, not the user.
HARDWARE_WORDS = (
    "is_available",
    "is_bf16_supported",
    "get_device_capability",
    "get_device_properties",
    "is_bf16",
    "device_count",
    "get_device_name",
)


def dtype_name(choice: Choice) -> str:
    """``fp16``, ``bf16``, ``fp32``, ``auto``, or ``unknown``; without any ``fp32``, as transformers 4 has it."""
    thing = choice.thing
    name = thing.name if isinstance(thing, Outside) else (thing.value if isinstance(thing, Const) else "")
    if name is None:
        return "fp32"
    for names, short in ((FP16, "fp16"), (BF16, "bf16"), (FP32, "fp32")):
        if name in names:
            return short
    return "auto" if name == "auto" else "unknown"


def asked_dtype(call: Call) -> Value:
    """The dtype that a load is given, by either name; by a name that the installed version decides, too."""
    named = call.argument("dtype") or call.argument("torch_dtype")
    loose = tuple(choice for choice in call.argument("**") if dtype_name(choice) in {"fp16", "bf16", "fp32"})
    return named or loose


def dtypes_of(run: Run, load: Call, before: int) -> dict[str, Choice | None]:
    """The dtypes in which a base is held once it is loaded and cast, each with what says so."""
    value = asked_dtype(load)
    found: dict[str, Choice | None] = {dtype_name(choice): choice for choice in value} if value else {"fp32": None}
    for call in run.calls:
        if load.order < call.order < before and call.last in {*CASTS, "to"} and _is_of(call.receiver, load):
            cast = _cast_to(call)
            if cast:
                found = cast if not call.guards or len(cast) > 1 else found | cast
    return found


def _is_of(value: Value, load: Call) -> bool:
    """Whether a model is the one that was loaded, or an adapter on it."""
    return any(
        isinstance(choice.thing, Result) and choice.thing.call is load
        for choice in walk(
            value,
            into=lambda thing: isinstance(thing, Result) and (makes_adapter(thing.call) or loads_adapter(thing.call)),
        )
    )


def _cast_to(call: Call) -> dict[str, Choice | None]:
    if call.last in CASTS:
        return {CASTS[call.last]: Choice(Const(CASTS[call.last]), call.site, call.guards)}
    given = [choice for value in (*call.args, call.argument("dtype")) for choice in value]
    return {
        name: choice
        for choice in given
        if (name := dtype_name(choice)) in {"fp16", "bf16", "fp32"} and constant((choice,)) != "float"
    }


def is_wished(choice: Choice) -> bool:
    """Whether a choice was taken because somebody asked for it, by an option or the environment."""
    return any(is_wish(guard.test) for guard in choice.guards)


def is_wish(test: Value) -> bool:
    """Whether something asks for half precision, and it is the user who decides."""
    asked = [choice.thing for choice in walk(test, with_guards=True)]
    return any(map(_says_half, asked)) and any(map(_is_users, asked))


def is_switch(choice: Choice) -> bool:
    """Whether a switch stays off unless the user turns it on: ``fp16 and torch.cuda.is_available()``."""
    thing = choice.thing
    operands = thing.operands if isinstance(thing, Op) and thing.name == "and" else ()
    return any(_is_users(one.thing) for operand in operands for one in walk(operand))


def _says_half(thing: Thing) -> bool:
    if isinstance(thing, Const) and isinstance(thing.value, str):
        return thing.value.lower() in {"fp16", "float16", "half", "16", "16-mixed", "torch.float16"} or any(
            word in thing.value.lower() for word in WISH_WORDS
        )
    name = thing.name if isinstance(thing, Unknown | Part) else ""
    return any(word in name.lower() for word in WISH_WORDS)


def _is_users(thing: Thing) -> bool:
    """Something that only the user, the command line or the environment decides."""
    if isinstance(thing, Unknown):
        return True
    return isinstance(thing, Result) and thing.call.last in {"parse_args", "get", "getenv", "parse_known_args", "input"}


def asks_hardware(value: Value) -> bool:
    """Whether something depends on what the machine has."""
    return any(_is_hardware(choice.thing) for choice in walk(value, with_guards=True))


def _is_hardware(thing: Thing) -> bool:
    if isinstance(thing, Result):
        return thing.call.last in HARDWARE_WORDS or thing.call.name.startswith("torch.cuda")
    if isinstance(thing, Part):
        return thing.kind == "attribute" and thing.name in {"type", "device"}
    return isinstance(thing, Const) and thing.value in {"cuda", "mps", "cpu"}
