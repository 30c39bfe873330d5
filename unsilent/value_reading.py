"""The values of an adapter's tensors, read by as many threads as it is worth.

Reading and multiplying leave the interpreter to others: two threads on two cores take half of the time. Small tensors
are read in one thread, for handing them over takes longer than looking at them.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, TypeVar

from .tensor_values import Update, look_at, look_at_update

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .adapter_facts import AdapterFacts
    from .tensor_files import Tensor

S = TypeVar("S")
T = TypeVar("T")

LARGE = 16_000_000  # bytes from which on several threads read: a core takes 7 ms for so many
ELEMENTS = 250_000  # of a tensor, in the mean, below which threads wait for one another longer than they save
MOST_THREADS = 4  # each holds one pair of factors; memory is as fast as that


def look_at_values(facts: AdapterFacts, cores: int) -> None:
    """Read every byte once, in the order in which they lie, and measure what LoRA adds to each module.

    Args:
        facts: Where ``values`` and ``norms`` are put; tensors and layout are known.
        cores: How many may be used.
    """
    updates = _updates_of(facts)
    paired = {tensor.name for update in updates.values() for tensor in (update.lora_a, update.lora_b)}
    names = sorted(facts.tensors, key=lambda name: _place_of(facts.tensors[name]))
    rest = [name for name in names if name not in paired]
    paths = sorted(updates, key=lambda path: _place_of(updates[path].lora_a))
    tensors = facts.tensors.values()
    is_large = sum(one.end - one.begin for one in tensors) > LARGE
    is_worth_it = is_large and sum(one.size for one in tensors) > ELEMENTS * len(tensors)
    threads = max(1, min(MOST_THREADS, cores)) if is_worth_it else 1
    values = dict(zip(rest, _each(look_at, [facts.tensors[name] for name in rest], threads), strict=True))
    looked = dict(zip(paths, _each(look_at_update, [updates[path] for path in paths], threads), strict=True))
    for path, update in updates.items():
        values[update.lora_a.name], values[update.lora_b.name], norm = looked[path]
        if norm is not None:
            facts.norms[path] = norm
    facts.values = {name: values[name] for name in names}


def _place_of(tensor: Tensor) -> tuple[str, int]:
    return str(tensor.file.path), tensor.begin


def _each(look: Callable[[S], T], things: Sequence[S], threads: int) -> list[T]:
    """``map`` in so many threads, each of which takes the next thing when it is done with one."""
    if threads == 1 or not things:
        return [look(thing) for thing in things]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for large adapters alone

    found: dict[int, T] = {}
    left = deque(enumerate(things))

    def work(_: int) -> None:
        while (taken := _next(left)) is not None:
            place, thing = taken
            found[place] = look(thing)

    with _one_thread_a_product(), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return [found[place] for place in range(len(things))]


def _next(left: deque[T]) -> T | None:
    with suppress(IndexError):  # another thread took the last
        return left.popleft()
    return None


def _one_thread_a_product() -> AbstractContextManager[object]:
    """Keep numpy's matrix products from taking every core each: with two at a time they wait for one another.

    Source: 2.9 GB/s with OpenBLAS's own threads, 3.6 without, on 2 cores.
    """
    variable = "KMP_DUPLICATE_LIB_OK"
    was_there = variable in os.environ
    try:
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - for large adapters alone
    except ImportError:
        return nullcontext()  # slower, and as right
    if not was_there:
        os.environ.pop(variable, None)  # the import sets it, for every library of this process and its children
    limited: AbstractContextManager[object] = ThreadpoolController().select(internal_api="openblas").limit(limits=1)
    return limited


def _updates_of(facts: AdapterFacts) -> dict[str, Update]:
    """What LoRA adds, by module; of AdaLoRA, which has a factor between the two, nothing."""
    layout = facts.layout
    if facts.intent.method != "LORA" or layout is None:
        return {}
    return {
        path: Update(module.lora_a, module.lora_b, layout.ranks[path], layout.scales[path])
        for path, module in layout.modules.items()
        if module.lora_a is not None and module.lora_b is not None
    }
