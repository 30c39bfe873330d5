"""Does a micro-batch fit into the device, and does the plan keep the effective batch? Before the first step.

Its own file because the answer is measured: forward passes over one row and over two count the bytes that autograd
keeps, and from those the memory of any number of rows follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .adapted import untouched
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "wiring"

# Planned up to this share of a device's memory: the rest is CUDA itself, fragmentation and what other programs hold.
MEMORY_SHARE = 0.9
ADAM_BYTES = 8  # two fp32 moments a trainable parameter


def check_batch(  # noqa: PLR0911, PLR0913 - a plan, and what it runs on; each way out has its own words
    model: torch.nn.Module,
    row: Mapping[str, torch.Tensor],
    *,
    micro_batch_size: int,
    accumulation_steps: int,
    effective_batch: int | None = None,
    world_size: int = 1,
    memory_bytes: int | None = None,
    autocast: torch.dtype | None = None,
) -> Outcome:
    """[micro-batch-too-large] Estimate the memory of a micro-batch, and hold the plan to the effective batch.

    Forward passes over one row and over two count the bytes that autograd keeps for the backward pass; they grow
    linearly with rows. Weights, gradients and the two moments of Adam are added.

    Args:
        model: What will be trained, in training mode, on its device.
        row: The longest row, collated: tensors of shape (1, T).
        micro_batch_size: Rows a forward pass.
        accumulation_steps: Forward passes an optimizer step.
        effective_batch: Rows an optimizer step that were meant, over all processes; None where nobody said.
        world_size: Processes that train together, each with this plan.
        memory_bytes: Memory of the device; None asks torch, which knows it for CUDA.
        autocast: dtype of the activations, where autocast is on.

    Returns:
        Failed when the effective batch is another than was meant, or the estimate is beyond the device's memory;
        skipped when neither can be judged.
    """
    slug = "micro-batch-too-large"
    rows = micro_batch_size * accumulation_steps * world_size
    if effective_batch is not None and rows != effective_batch:
        return failed(
            slug,
            STAGE,
            f"Expected an effective batch of {effective_batch} rows, but got {micro_batch_size} x {accumulation_steps} "
            f"x {world_size} process(es) = {rows}. Where: the batch plan. What to do: let accumulation make up for it.",
            {"micro_batch_size": micro_batch_size, "rows": rows, "meant": effective_batch, "processes": world_size},
        )
    memory = memory_bytes or _device_memory(model)
    if not memory:
        if effective_batch is not None:
            return passed(slug, STAGE)
        return skipped(slug, STAGE, "neither the device's memory nor the intended effective batch is known")
    try:
        once, kept = _kept_for_backward(model, row, autocast)
    except Exception as error:  # noqa: BLE001 - anybody's model may raise anything
        if "out of memory" not in str(error).lower() and "allocate memory" not in str(error):
            return skipped(slug, STAGE, f"a forward pass over one row raised {type(error).__name__}: {error}")
        return failed(
            slug,
            STAGE,
            f"Expected at least two rows to fit into {memory / 1e9:.1f} GB, but got {type(error).__name__}. Where: a "
            "forward pass to measure them. What to do: use gradient checkpointing, shorter rows, or a smaller base.",
            {"micro_batch_size": micro_batch_size, "memory_bytes": memory, "rows_that_fit": 0},
        )
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    trained = sum(w.numel() * (w.element_size() + ADAM_BYTES) for w in model.parameters() if w.requires_grad)
    fixed = weights + trained + once
    needed = fixed + micro_batch_size * kept
    if needed <= MEMORY_SHARE * memory:
        return passed(slug, STAGE)
    fits = max(0, int((MEMORY_SHARE * memory - fixed) // max(kept, 1)))
    return failed(
        slug,
        STAGE,
        f"Expected a micro-batch that fits into {memory / 1e9:.1f} GB, but got one of {micro_batch_size} rows that "
        f"needs about {needed / 1e9:.1f} GB ({kept / 1e6:.0f} MB a row). Where: the batch plan. What to do: use at "
        f"most {fits} rows and accumulate more, or gradient checkpointing.",
        {"micro_batch_size": micro_batch_size, "needed_bytes": needed, "memory_bytes": memory, "row_bytes": kept,
         "rows_that_fit": fits},
    )  # fmt: skip


def _device_memory(model: torch.nn.Module) -> int:
    """Memory of the GPU a model lies on; 0 elsewhere."""
    import torch  # noqa: PLC0415

    device = next(model.parameters()).device
    return int(torch.cuda.get_device_properties(device).total_memory) if device.type == "cuda" else 0


def _kept_for_backward(
    model: torch.nn.Module, row: Mapping[str, torch.Tensor], autocast: torch.dtype | None
) -> tuple[int, int]:
    """Bytes that autograd keeps for the backward pass: once, whatever the batch, and for each row.

    Told apart by one row against two: under autocast the cast copies of the weights are kept once. With gradient
    checkpointing one layer at a time is computed again and keeps what it keeps without: its share is added.
    """
    two = {name: value.repeat(2, *[1] * (value.dim() - 1)) if value.dim() > 1 else value for name, value in row.items()}
    one_row = _kept_bytes(model, row, autocast)
    by_row = _kept_bytes(model, two, autocast) - one_row
    once = max(0, one_row - by_row)
    spared: list[Any] = [one for one in model.modules() if getattr(one, "gradient_checkpointing", False) is True]
    if spared:
        try:
            for module in spared:
                module.gradient_checkpointing = False
            by_row += (_kept_bytes(model, two, autocast) - _kept_bytes(model, row, autocast)) // len(spared)
        finally:
            for module in spared:
                module.gradient_checkpointing = True
    return once, by_row


def _kept_bytes(model: torch.nn.Module, batch: Mapping[str, torch.Tensor], autocast: torch.dtype | None) -> int:
    """Bytes that autograd keeps for the backward pass of one batch; parameters aside."""
    import torch  # noqa: PLC0415

    device = next(model.parameters()).device
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}
    alive = []  # a storage that is freed may lend its address to the next one

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    inputs = {name: value.to(device) for name, value in batch.items()}
    with (
        untouched(model),
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
        torch.autocast(device.type, dtype=autocast, enabled=autocast is not None),
    ):
        model(**inputs)
    return sum(kept.values())
