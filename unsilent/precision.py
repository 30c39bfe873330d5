"""Precision before the first step: fp16 without a net, activations beyond its range, a dtype that nobody obeyed.

They look at the model, its arguments and one example, and change nothing.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

from .outcome import failed, passed, skipped
from .passes import find_overflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import torch

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "wiring"
BF16_CAPABILITY = (8, 0)  # Ampere; below it torch emulates bf16


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


def check_overflow(model: torch.nn.Module, batch: Mapping[str, Any] | None, *, arguments: object = None) -> Outcome:
    """[fp16-overflow] Run one example through a model that computes in fp16: does any activation pass 65504?

    A gradient scaler does not help here: it scales what comes back, not what goes forward.

    Args:
        model: What will be trained, on its device.
        batch: One row, collated; None where none could be had.
        arguments: ``TrainingArguments``, or anything with some of its names.

    Returns:
        Failed with the first module whose values leave the range; skipped where nothing computes in fp16.
    """
    slug = "fp16-overflow"
    device = next((weight.device for weight in model.parameters()), None)
    on_cuda = device is not None and device.type == "cuda"
    held = _dtypes(model, trained=True) | _dtypes(model, trained=False)
    by_arguments = bool(getattr(arguments, "fp16", False)) and on_cuda
    if "float16" not in held and not by_arguments and not _computes_in_fp16(model, device):
        return skipped(slug, STAGE, "nothing computes in fp16")
    if batch is None:
        return skipped(slug, STAGE, "no example to run through the model")
    try:
        spot = find_overflow(model, batch)
    except Exception as error:  # noqa: BLE001 - anybody's model may raise anything
        return skipped(slug, STAGE, f"a forward pass over one row raised {type(error).__name__}: {error}")
    if spot is None:
        return passed(slug, STAGE)
    return failed(
        slug,
        STAGE,
        f"Expected activations within 65504, the range of fp16, but got {spot.largest:g} before the first step. Where: "
        f"{spot.at} of {spot.module}. What to do: train in bf16 or fp32; a gradient scaler does not help here.",
        {"module": spot.module, "at": spot.at, "largest": spot.largest, "dtype": spot.dtype},
    )


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
