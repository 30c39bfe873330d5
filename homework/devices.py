"""What a device can do, in plain numbers, so that choices about it can be made and tested anywhere.

``describe_device`` asks torch once. Everything that chooses (``precision.py``, ``batching.py``) works on the
description alone: every GPU generation is tested on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

# bf16 matrix units came with compute capability 8.0 (Ampere); below it torch emulates them slowly.
BF16_CAPABILITY = (8, 0)


@dataclass(frozen=True)
class Device:
    """A device as far as choices depend on it.

    Attributes:
        kind: ``cpu``, ``cuda`` or ``mps``, as torch calls it.
        has_bf16: Whether it computes in bf16 in hardware.
        words: What was found, for reasons and messages.
        capability: CUDA compute capability; None for others.
        memory_bytes: Memory of a GPU; 0 where it is not known, or is the machine's own.
    """

    kind: str
    has_bf16: bool
    words: str
    capability: tuple[int, int] | None = None
    memory_bytes: int = 0


def default_device() -> torch.device:
    """CUDA, then Apple's MPS, then the CPU."""
    import torch  # noqa: PLC0415 - descriptions are made and tested without torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def describe_device(device: torch.device | Device | None = None) -> Device:
    """Ask torch about ``device``; None is the best there is, a description is returned as it is."""
    if isinstance(device, Device):
        return device
    import torch  # noqa: PLC0415 - a description needs none

    device = device or default_device()
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        return describe_gpu(found.name, (found.major, found.minor), found.total_memory)
    if device.type == "cpu":
        return describe_cpu(_cpu_capabilities())
    return Device(device.type, has_bf16=False, words=f"{device.type} device")


def describe_gpu(name: str, capability: tuple[int, int], memory_bytes: int) -> Device:
    """A CUDA device has bf16 from compute capability 8.0 on."""
    major, minor = capability
    words = f"{name}, compute capability {major}.{minor}, {memory_bytes / 1e9:.0f} GB"
    return Device("cuda", capability >= BF16_CAPABILITY, words, capability, memory_bytes)


def describe_cpu(capabilities: Mapping[str, object]) -> Device:
    """A CPU has bf16 only with AVX-512 BF16 or AMX: without them bf16 is slower than fp32."""
    for flag, words in (("amx_bf16", "AMX bf16"), ("amx_tile", "AMX"), ("avx512_bf16", "AVX-512 BF16")):
        if capabilities.get(flag):
            return Device("cpu", has_bf16=True, words=f"CPU with {words}")
    return Device("cpu", has_bf16=False, words="CPU without AVX-512 BF16 or AMX")


def _cpu_capabilities() -> Mapping[str, object]:
    """Ask torch what the CPU can do; releases before 2.13 know it under private names only."""
    import torch  # noqa: PLC0415

    if hasattr(torch.cpu, "get_capabilities"):
        return torch.cpu.get_capabilities()
    return {
        "amx_tile": torch.cpu._is_amx_tile_supported(),  # noqa: SLF001
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),  # noqa: SLF001
    }
