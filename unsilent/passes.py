"""One forward pass under observation: which module is the first whose numbers leave the range?

Weights, gradients, buffers and random states are what they were. Used before training, where fp16 is in play, and
after the guard has stopped a run, on the batch that stopped it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .adapted import untouched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

FP16_MAX = 65504.0  # the largest finite number of IEEE half precision


@dataclass(frozen=True)
class Spot:
    """Where numbers first left the range.

    Attributes:
        module: Name of the first module, in the order of computation.
        at: ``output``, or ``input`` where what came in was out of range already, made between two modules.
        largest: Largest absolute value there; NaN or inf where it is not finite.
        dtype: Of that tensor.
    """

    module: str
    at: str
    largest: float
    dtype: str


def find_overflow(model: torch.nn.Module, batch: Mapping[str, Any], limit: float = FP16_MAX) -> Spot | None:
    """Run one forward pass and name the first module with a value that is not finite, or beyond ``limit``.

    Args:
        model: In whatever mode it is; called with ``batch`` as keywords, without gradients.
        batch: What the collator made; tensors of any device.
        limit: ``FP16_MAX`` to hold the pass to fp16; inf to look for NaN and inf alone.

    Returns:
        None when every floating-point value was within range.

    Raises:
        Exception: What the model raises on this batch.
    """
    import torch  # noqa: PLC0415

    seen: list[tuple[str, str, str, torch.Tensor]] = []
    names = {module: name or type(module).__name__ for name, module in model.named_modules()}

    def note(module: torch.nn.Module, inputs: Any, keywords: Any, output: Any) -> None:  # noqa: ANN401 - torch's hook
        for at, values in (("input", (inputs, keywords)), ("output", output)):
            for tensor in _floats(values):
                largest = torch.linalg.vector_norm(tensor.detach(), float("inf"), dtype=torch.float32)
                seen.append((names[module], at, str(tensor.dtype).removeprefix("torch."), largest))

    device = next(model.parameters()).device
    inputs = {name: value.to(device) if hasattr(value, "to") else value for name, value in batch.items()}
    hooks = [module.register_forward_hook(note, with_kwargs=True) for module in model.modules()]
    try:
        with untouched(model), torch.no_grad():
            model(**inputs)
    finally:
        for hook in hooks:
            hook.remove()
    values = torch.stack([largest.cpu() for *_, largest in seen]).tolist() if seen else []
    for (module, at, dtype, _), largest in zip(seen, values, strict=True):
        if not (largest <= limit and largest < math.inf) and not _is_mask(at, largest, dtype):
            return Spot(module, at, largest, dtype)
    return None


def _is_mask(at: str, largest: float, dtype: str) -> bool:
    """Attention masks come in as -inf, or as the lowest number of their dtype: no fault."""
    import torch  # noqa: PLC0415

    return at == "input" and largest in {float("inf"), abs(torch.finfo(getattr(torch, dtype)).min)}


def _floats(values: Any) -> Iterator[torch.Tensor]:  # noqa: ANN401 - whatever modules take and return
    """Every non-empty floating-point tensor in nested tuples, lists and mappings."""
    if hasattr(values, "is_floating_point"):
        if values.is_floating_point() and values.numel():
            yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from _floats(value)
    elif isinstance(values, tuple | list):
        for value in values:
            yield from _floats(value)
