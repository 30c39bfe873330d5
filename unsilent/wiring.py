"""Checks before the first step: what is trainable, in which precision, in how large a batch, loaded by which argument.

They look at the model, the arguments and one example, and change nothing: random state, buffers and gradients are
what they were. So far those that decide precision, batch and freezing.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import torch

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "wiring"
BF16_CAPABILITY = (8, 0)  # Ampere; below it torch emulates bf16

# Planned up to this share of a device's memory: the rest is CUDA itself, fragmentation and what other programs hold.
MEMORY_SHARE = 0.9
ADAM_BYTES = 8  # two fp32 moments a trainable parameter


def check_frozen_base(model: torch.nn.Module) -> Outcome:
    """[base-not-frozen] Look for parameters that are trained although the adapter does not hold them.

    What PEFT would save is meant to be trained: LoRA and other tuners, ``modules_to_save``, trainable tokens, biases
    named in the configuration. Anything else that requires a gradient is the base's, is changed by the optimizer, and
    is lost when the adapter is saved.

    Returns:
        Failed with the names and the trainable share; skipped for a model without an adapter (full fine-tuning).
    """
    if not getattr(model, "peft_config", None):
        model = getattr(model, "module", model)  # as DataParallel and its like wrap it
    if not getattr(model, "peft_config", None):
        return skipped("base-not-frozen", STAGE, "no PEFT adapter: full fine-tuning trains the base on purpose")
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    try:
        own = _adapter_parameters(model)
    except Exception as error:  # noqa: BLE001 - a tuner that PEFT itself cannot save
        return skipped("base-not-frozen", STAGE, f"PEFT cannot list its adapter ({type(error).__name__}: {error})")
    base = {name: weight for name, weight in trained.items() if id(weight) not in own}
    if not base:
        return passed("base-not-frozen", STAGE)
    size = sum(weight.numel() for weight in base.values())
    total = sum(weight.numel() for weight in model.parameters())
    names = list(base)
    return failed(
        "base-not-frozen",
        STAGE,
        f"Expected only the adapter to be trained, but got {len(base)} parameters of the base that require a gradient "
        f"({size:,} weights, {size / total:.1%} of the model). Where: {names[0]}. What to do: freeze the base before "
        "adding the adapter (requires_grad_(False)), or list the module in modules_to_save so that it is saved too.",
        {"parameters": names[:20], "count": len(base), "weights": size, "share": size / total},
    )


def _adapter_parameters(model: Any) -> set[int]:  # noqa: ANN401 - a PEFT model
    """Identities of every parameter that PEFT would save with one of the adapters."""
    from peft import get_peft_model_state_dict  # noqa: PLC0415 - not everybody who reads reports has PEFT

    named = {**model.state_dict(), **dict(model.named_parameters())}
    by_storage = {weight.data_ptr(): id(weight) for weight in named.values() if weight.device.type != "meta"}
    # prompts and prefixes are saved as what their encoder computes, so the encoder's own weights count
    own = {id(weight) for name, weight in named.items() if name.startswith("prompt_encoder.")}
    # what carries the tuner's own prefix in its name is the tuner's, such as the shared bank of VB-LoRA
    prefix = getattr(getattr(model, "base_model", None), "prefix", "") or "lora_"
    own |= {id(weight) for name, weight in named.items() if f".{prefix}" in name}
    for adapter in model.peft_config:
        saved = get_peft_model_state_dict(model, named, adapter, save_embedding_layers=False).values()
        own |= {by_storage.get(weight.data_ptr(), id(weight)) for weight in saved} | {id(weight) for weight in saved}
    return own


def check_fp16(
    model: torch.nn.Module,
    *,
    arguments: object = None,
    scaler: object = None,
    asked_for: str | None = None,
    has_bf16: bool | None = None,
) -> Outcome:
    """[fp16-unguarded] Look for fp16 without a gradient scaler, without CUDA, or that nobody asked for.

    Args:
        model: What will be trained.
        arguments: ``TrainingArguments``, or anything with some of its names; None for a plain loop.
        scaler: The gradient scaler of a plain loop; Trainer makes its own when ``fp16=True`` on CUDA.
        asked_for: What the user wished: ``auto``, ``fp16``, ...; None where nobody knows.
        has_bf16: Whether the device computes in bf16; None asks torch.

    Returns:
        Failed with every reason; the first of them leads the message.

    Source:
        The project's reports; ``fp16=True`` on a CPU trains in fp32 without a word (transformers 5.23).
    """
    device = getattr(arguments, "device", None) or next((weight.device for weight in model.parameters()), None)
    on_cuda = device is not None and device.type == "cuda"
    wants_fp16 = bool(getattr(arguments, "fp16", False))
    by_deepspeed = bool(getattr(arguments, "deepspeed", None))  # which scales by itself
    scaled = (wants_fp16 and on_cuda) or by_deepspeed or _is_enabled(scaler)
    dtypes = {kind: _dtypes(model, trained=kind == "trainable") for kind in ("trainable", "frozen")}
    reasons = {}
    if "float16" in dtypes["trainable"]:
        reasons["trainable weights in fp16"] = "updates below 6e-8 vanish and no gradient scaler can unscale them"
    elif "float16" in dtypes["frozen"] and not scaled:
        reasons["a base in fp16 without a gradient scaler"] = "activations beyond 65504 become inf, small gradients 0"
    if not scaled and _computes_in_fp16(model, device):
        reasons["fp16 activations without a gradient scaler"] = "autocast or a quantised layer computes in fp16"
    if wants_fp16 and not on_cuda:
        reasons["fp16=True without CUDA"] = "Trainer makes no scaler there, and trains in fp32 without a word"
    if getattr(arguments, "fp16_full_eval", False):
        reasons["fp16_full_eval=True"] = "evaluation casts the model to fp16, where activations overflow"
    if wants_fp16 and asked_for not in (None, "fp16"):
        reasons["fp16 as a fallback"] = f"{asked_for!r} was asked for"
    if getattr(arguments, "bf16", False) and not (_has_bf16(device) if has_bf16 is None else has_bf16):
        reasons["bf16=True on hardware without it"] = "torch emulates it, many times slower than fp32"
    if not reasons:
        return passed("fp16-unguarded", STAGE)
    first, why = next(iter(reasons.items()))
    return failed(
        "fp16-unguarded",
        STAGE,
        f"Expected bf16 or fp32, or fp16 by wish with a gradient scaler, but got {first} ({why}). Where: the model and "
        "its training arguments. What to do: use bf16=True where the hardware has it, else fp32.",
        {"reasons": reasons, "dtypes": {kind: sorted(found) for kind, found in dtypes.items()}, "scaler": scaled},
    )


def _is_enabled(scaler: Any) -> bool:  # noqa: ANN401 - a GradScaler, or one's own
    """A scaler that is there but not enabled scales nothing."""
    return scaler is not None and bool(getattr(scaler, "is_enabled", lambda: True)())


def _computes_in_fp16(model: torch.nn.Module, device: torch.device | None) -> bool:
    """Whether autocast is on around the call in fp16, or a quantised layer of the model computes in it."""
    import torch  # noqa: PLC0415

    kind = device.type if device is not None else "cpu"
    autocast = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) is torch.float16
    return autocast or any(getattr(module, "compute_dtype", None) is torch.float16 for module in model.modules())


def _dtypes(model: torch.nn.Module, *, trained: bool) -> set[str]:
    return {
        str(weight.dtype).removeprefix("torch.") for weight in model.parameters() if weight.requires_grad == trained
    }


def _has_bf16(device: torch.device | None) -> bool:
    """Ask torch whether a device computes in bf16 in hardware."""
    import torch  # noqa: PLC0415

    if device is not None and device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= BF16_CAPABILITY
    if device is not None and device.type == "cpu":
        found: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        known = bool(found)  # releases before 2.13 cannot be asked: the benefit of the doubt
        return not known or any(found.get(flag) for flag in ("avx512_bf16", "amx_bf16", "amx_tile"))
    return False


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


@contextlib.contextmanager
def untouched(model: torch.nn.Module) -> Iterator[None]:
    """Put back random states and the model's buffers after looking at a forward pass."""
    import torch  # noqa: PLC0415

    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    with torch.random.fork_rng():
        yield
    with torch.no_grad():
        for buffer, value in buffers:
            buffer.copy_(value)


def check_dtype_argument(load: Callable[[torch.dtype], Any], dtype: torch.dtype) -> Outcome:
    """[deprecated-dtype-argument] Call a loader with a dtype: is it obeyed, and without a deprecation warning?

    Args:
        load: Loads a model in the dtype it is given; the model, or an object with it as ``model``.
        dtype: Another one than the model is saved in, or nobody sees whether it was obeyed.

    Returns:
        Failed when the loaded weights have another dtype, or when a warning about the argument's name reached the user;
        skipped when the loader raised.
    """
    slug = "deprecated-dtype-argument"
    heard: list[str] = []
    try:
        with _listening(heard):
            loaded = load(dtype)
    except Exception as error:  # noqa: BLE001 - anybody's loader may raise anything
        return skipped(slug, STAGE, f"the loader raised {type(error).__name__}: {error}")
    model = loaded if hasattr(loaded, "parameters") else getattr(loaded, "model", None)
    sizes: dict[torch.dtype, int] = {}
    for weight in model.parameters() if model is not None and hasattr(model, "parameters") else ():
        if weight.is_floating_point():
            sizes[weight.dtype] = sizes.get(weight.dtype, 0) + weight.numel()
    if not sizes:
        return skipped(slug, STAGE, f"the loader returned {type(loaded).__name__}, without weights to look at")
    got = max(sizes, key=lambda kind: sizes[kind])
    about = [text for text in heard if "torch_dtype" in text]
    if got == dtype and not about:
        return passed(slug, STAGE)
    found = f"{got}" if got != dtype else f"the warning {about[0]!r}"
    return failed(
        slug,
        STAGE,
        f"Expected a model in {dtype} and no warning, but got {found}. Where: the loader's call of from_pretrained. "
        "What to do: pass dtype= to transformers 5, torch_dtype= to 4, and accept both from your callers.",
        {"asked": str(dtype), "got": str(got), "warnings": about},
    )


@contextlib.contextmanager
def _listening(heard: list[str]) -> Iterator[None]:
    """Collect Python's warnings, hidden ones too, and what transformers says through its logger."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    once: Any = getattr(sys.modules.get("transformers.utils.logging"), "warning_once", None)
    if hasattr(once, "cache_clear"):
        once.cache_clear()  # what was warned of before would not be said again
    ear = Ear(logging.WARNING)
    loggers = [logging.getLogger(), logging.getLogger("transformers")]  # the second does not pass on to the first
    for logger in loggers:
        logger.addHandler(ear)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        heard += [str(warning.message) for warning in caught]
    finally:
        for logger in loggers:
            logger.removeHandler(ear)
