"""Which dtype to compute in, and why.

fp16 is never chosen by itself: its largest number is 65504, activations pass it, become inf and then NaN, and the
run goes on without a word [fp16-overflow]. bf16 has the range of fp32 and is chosen where the hardware computes in
it; everything else gets fp32. Loading for answers uses this too, so the file imports torch and nothing of training.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .devices import describe_device
from .errors import OptionInvalid, PrecisionUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from .devices import Device

WISHES = ("auto", "fp32", "bf16", "fp16")
LONG_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class Precision:
    """A dtype for the activations in training, one for the frozen base, and the reason in words."""

    name: str
    base_dtype: str
    reason: str

    @property
    def autocast(self) -> bool:
        """Whether training wraps the forward pass in autocast (16-bit activations, fp32 adapter weights)."""
        return self.name != "fp32"

    @property
    def needs_scaler(self) -> bool:
        """Whether gradients are scaled: without it those below 6e-8 become 0 and those beyond 65504 inf."""
        return self.name == "fp16"

    @property
    def flags(self) -> dict[str, bool]:
        """What ``TrainingArguments`` calls it; its ``fp16`` brings the gradient scaler along."""
        return {"bf16": self.name == "bf16", "fp16": self.name == "fp16"}


def dtype_named(name: str | torch.dtype) -> torch.dtype:
    """Turn ``fp32``, ``float32`` or ``torch.float32`` into the dtype.

    Raises:
        OptionInvalid: A name that is none of the three dtypes.
    """
    import torch  # noqa: PLC0415 - the tables above are read without torch

    text = str(name).removeprefix("torch.")
    text = LONG_NAMES.get(text, text)
    if text not in LONG_NAMES.values():
        raise OptionInvalid(
            expected="a dtype: fp32, bf16 or fp16 (or float32, bfloat16, float16)",
            got=repr(name),
            where="argument dtype",
            action="name one of the three",
        )
    found: torch.dtype = getattr(torch, text)
    return found


def short_name(dtype: torch.dtype) -> str:
    """Turn ``torch.bfloat16`` into ``bf16``."""
    text = str(dtype).removeprefix("torch.")
    return next((short for short, long in LONG_NAMES.items() if long == text), text)


def choose_precision(
    device: torch.device | Device | None = None, *, wish: str = "auto", base_dtype: str = "auto"
) -> Precision:
    """Choose the dtype for ``device`` and say why.

    Args:
        device: Where the forward pass runs, or its description; None is the best device there is.
        wish: ``auto``, ``fp32``, ``bf16`` or ``fp16``; the last by wish only, and on CUDA only.
        base_dtype: dtype in which the frozen base is held; ``auto`` is that of the activations, and fp32 beside fp16.

    Returns:
        Names of both dtypes, whether a gradient scaler is needed, and the reason in words.

    Raises:
        OptionInvalid: A wish that is no dtype.
        PrecisionUnavailable: bf16 wished for on hardware without it, fp16 elsewhere than on CUDA, a base held in fp16.

    Source:
        2.1 s against 3.0 s for one step of the 135M with the base held in bf16 (2 cores with AVX-512 BF16).
    """
    for name, value in (("precision", wish), ("base_dtype", base_dtype)):
        if value not in WISHES:
            raise OptionInvalid(
                expected=f"one of {', '.join(WISHES)}",
                got=repr(value),
                where=f"--{name} or SFT_PRECISION",
                action="choose one of these, or leave the option out",
            )
    described = describe_device(device)
    if wish == "bf16" and not described.has_bf16:
        raise _unavailable("a device that computes in bf16", described.words, "--precision bf16")
    if wish == "fp16" and described.kind != "cuda":
        raise _unavailable("a CUDA device, whose gradient scaler fp16 needs", described.words, "--precision fp16")
    if base_dtype == "fp16":
        raise _unavailable("a base held in fp32 or bf16", "a wish for fp16, which overflows", "--base_dtype fp16")
    if wish == "auto":
        name = "bf16" if described.has_bf16 else "fp32"
        reason = f"{described.words}: {name} is fastest and safe"
    else:
        name, reason = wish, f"{wish} was asked for"
    if name == "fp16":
        reason += "; with a gradient scaler, the base held in fp32 so that answers cannot overflow"
    held = name if name != "fp16" else "fp32"
    return Precision(name=name, base_dtype=held if base_dtype == "auto" else base_dtype, reason=reason)


determine_precision_flags = choose_precision  # the reports' name; its ``flags`` go into TrainingArguments


def _unavailable(expected: str, got: str, where: str) -> PrecisionUnavailable:
    return PrecisionUnavailable(
        expected=expected,
        got=got,
        where=f"{where} (or SFT_PRECISION)",
        action="leave it out, and the best that works is chosen; fp32 works everywhere",
    )


@contextlib.contextmanager
def products_as_before() -> Iterator[None]:
    """Put back, at the end, how exactly fp32 matrices are multiplied: Trainer sets TF32 for the whole process.

    An adapter is judged as others will load it, in a process that knows nothing of TF32. With products of ten bits,
    emulated on a CPU, the logits of the 135M in fp32 moved by 1.4e-3 of their span, where a reload is allowed 5e-4
    (``unsilent.parity.BOUNDS``).
    """
    import torch  # noqa: PLC0415 - choosing needs none of it

    backends: Any = torch.backends
    if hasattr(backends, "fp32_precision"):  # torch 2.9
        switches = [(backends, "fp32_precision")]
    else:
        switches = [(backends.cuda.matmul, "allow_tf32"), (backends.cudnn, "allow_tf32")]
    before = [getattr(owner, name) for owner, name in switches]
    try:
        yield
    finally:
        for (owner, name), value in zip(switches, before, strict=True):
            setattr(owner, name, value)
