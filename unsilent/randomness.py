"""Looking at data without a trace: random states, of generators that objects hold too, and tokenizers' settings.

A row that is read twice draws its augmentation twice; without this the run that follows would be another one. torch and
numpy are touched only where the process has imported them already.
"""

from __future__ import annotations

import contextlib
import copy
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTH = 3  # a collator inside Trainer's wrapper, inside somebody's own


@contextlib.contextmanager
def untouched_randomness(*owners: object) -> Iterator[None]:
    """Put back every global random state, and those of generators that ``owners`` hold, also after an exception."""
    torch: Any = sys.modules.get("torch")
    numpy: Any = sys.modules.get("numpy")
    pairs: list[tuple[Callable[[], Any], Callable[[Any], object]]] = [(random.getstate, random.setstate)]
    if numpy:
        pairs.append((numpy.random.get_state, numpy.random.set_state))
    if torch:
        pairs.append((torch.get_rng_state, torch.set_rng_state))
        if torch.cuda.is_initialized():
            pairs.append((torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
    unmade = []
    for owner, name, value in _held(owners):
        if value is None:
            unmade.append((owner, name))
        else:
            pairs += _state_of(value)
    states = [(write, copy.deepcopy(read())) for read, write in pairs]
    try:
        yield
    finally:
        for write, state in states:
            write(state)
        for owner, name in unmade:  # DataCollatorForLanguageModeling makes one at its first call
            if _state_of(getattr(owner, name, None)):
                setattr(owner, name, None)


def _state_of(value: Any) -> list[tuple[Callable[[], Any], Callable[[Any], object]]]:  # noqa: ANN401 - of four libraries
    """How to read and write the state of a generator; empty for anything else."""
    if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):  # which has no state
        return [(value.getstate, value.setstate)]
    kind = f"{type(value).__module__}.{type(value).__name__}"
    if kind in ("torch._C.Generator", "numpy.random.mtrand.RandomState"):
        return [(value.get_state, value.set_state)]
    if kind == "numpy.random._generator.Generator":
        bits = value.bit_generator
        return [(lambda: bits.state, lambda state: setattr(bits, "state", state))]
    return []


def plain_attributes(*owners: object) -> list[tuple[str, object]]:
    """What objects hold in numbers and words; where these change, what they do may depend on when it is done."""
    return [(name, value) for _, name, value in _held(owners) if isinstance(value, str | int | float)]


def _held(owners: tuple[object, ...]) -> Iterator[tuple[object, str, object]]:
    """Attributes of objects, of what these hold, and so on; those of a function are what it closes over."""
    seen: set[int] = set()
    layer = list(owners)
    for _ in range(DEPTH):
        inner = []
        for owner in layer:
            if id(owner) in seen or isinstance(owner, type):
                continue
            seen.add(id(owner))
            for name, value in _attributes(owner):
                yield owner, name, value
                inner.append(value)
        layer = inner


def _attributes(owner: Any) -> list[tuple[str, object]]:  # noqa: ANN401
    found: list[tuple[str, object]] = []
    with contextlib.suppress(Exception):  # somebody's __getattr__ may raise anything
        found += owner.__dict__.items()
    for name in ("func", "__self__"):  # of functools.partial, of a bound method
        with contextlib.suppress(Exception):
            found.append((name, getattr(owner, name)))
    with contextlib.suppress(Exception):
        found += [("", cell.cell_contents) for cell in owner.__closure__]
    return found


@contextlib.contextmanager
def untouched_settings(tokenizer: Any) -> Iterator[None]:  # noqa: ANN401
    """Put back what a fast tokenizer remembers of its last call: how it cuts and pads."""
    inner = getattr(tokenizer, "_tokenizer", None)
    settings = [copy.deepcopy(getattr(inner, name, None)) for name in ("truncation", "padding")]
    try:
        yield
    finally:
        for name, value in zip(("truncation", "padding"), settings, strict=True):
            if hasattr(inner, f"enable_{name}") and getattr(inner, name) != value:
                getattr(inner, f"enable_{name}" if value else f"no_{name}")(**(value or {}))
