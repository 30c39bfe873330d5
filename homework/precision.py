"""Which dtype to compute in, and why.

fp16 is never chosen: its largest number is 65504, activations pass it, become inf and then NaN, and the run goes on
without a word [fp16-overflow]. bf16 has the range of fp32 and is chosen where the hardware computes in it;
everything else gets fp32. Loading for answers uses this too, so the file imports torch and nothing of training.

A CPU counts as having bf16 only with AVX-512 BF16 or AMX: without them bf16 is slower than fp32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import OptionInvalid, PrecisionUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

WISHES = ("auto", "fp32", "bf16", "fp16")
LONG_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}

# bf16 matrix units came with compute capability 8.0 (Ampere); below it torch emulates them slowly.
BF16_CAPABILITY = (8, 0)


@dataclass(frozen=True)
class Precision:
    """A dtype for the activations, one for the frozen base, and the reason in words."""

    name: str
    base_dtype: str
    reason: str

    @property
    def autocast(self) -> bool:
        """Whether training wraps the forward pass in autocast (16-bit activations, fp32 adapter weights)."""
        return self.name != "fp32"


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


def has_bf16(device: torch.device) -> tuple[bool, str]:
    """Tell whether ``device`` computes in bf16 in hardware, and how that was found out."""
    import torch  # noqa: PLC0415

    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        words = f"compute capability {capability[0]}.{capability[1]}"
        return capability >= BF16_CAPABILITY, words
    if device.type == "cpu":
        found = _cpu_capabilities()
        for flag, words in (("amx_bf16", "AMX bf16"), ("amx_tile", "AMX"), ("avx512_bf16", "AVX-512 BF16")):
            if found.get(flag):
                return True, f"CPU with {words}"
        return False, "CPU without AVX-512 BF16 or AMX"
    return False, f"{device.type} device"


def _cpu_capabilities() -> Mapping[str, object]:
    """Ask torch what the CPU can do; releases before 2.13 know it under private names only."""
    import torch  # noqa: PLC0415

    if hasattr(torch.cpu, "get_capabilities"):
        return torch.cpu.get_capabilities()
    return {
        "amx_tile": torch.cpu._is_amx_tile_supported(),  # noqa: SLF001
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),  # noqa: SLF001
    }


def choose_precision(device: torch.device, *, wish: str = "auto", base_dtype: str = "auto") -> Precision:
    """Choose the dtype for ``device`` and say why.

    Args:
        device: Where the forward pass runs.
        wish: ``auto``, ``fp32`` or ``bf16``. ``fp16`` is refused here: it needs a gradient scaler.
        base_dtype: dtype in which the frozen base is held; ``auto`` is that of the activations.

    Returns:
        Names of both dtypes and the reason in words.

    Raises:
        OptionInvalid: A wish that is no dtype.
        PrecisionUnavailable: bf16 wished for on hardware without it, or fp16.

    Source:
        2.1 s against 3.0 s for one step of the 135M with the base held in bf16 (2 cores with AVX-512 BF16).
    """
    for name, value in (("precision", wish), ("base_dtype", base_dtype)):
        if value not in WISHES:
            raise OptionInvalid(
                expected=f"one of {', '.join(WISHES)}",
                got=repr(value),
                where=f"--{name}",
                action="choose one of these, or leave the option out",
            )
    if "fp16" in (wish, base_dtype):
        raise PrecisionUnavailable(
            expected="bf16 or fp32",
            got="a wish for fp16, which overflows beyond 65504 without a gradient scaler",
            where="--precision or --base_dtype",
            action="leave the option out: bf16 is chosen where the hardware has it",
        )
    able, words = has_bf16(device)
    if wish == "bf16" and not able:
        raise PrecisionUnavailable(
            expected="a device that computes in bf16",
            got=words,
            where="--precision bf16",
            action="use --precision fp32, which works everywhere",
        )
    name = wish if wish != "auto" else ("bf16" if able else "fp32")
    reason = f"{wish} was asked for" if wish != "auto" else f"{words}: {name} is fastest and safe"
    return Precision(name=name, base_dtype=name if base_dtype == "auto" else base_dtype, reason=reason)
