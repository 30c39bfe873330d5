"""What torch says about a device becomes a description that choices can be made and tested on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from homework import devices


@pytest.mark.parametrize(
    ("flags", "has_bf16", "words"),
    [
        ({"avx512_bf16": True}, True, "CPU with AVX-512 BF16"),
        ({"amx_bf16": True, "avx512_bf16": True}, True, "CPU with AMX bf16"),
        ({"amx_tile": True}, True, "CPU with AMX"),
        ({"avx512_bf16": False, "avx2": True}, False, "CPU without AVX-512 BF16 or AMX"),
        ({}, False, "CPU without AVX-512 BF16 or AMX"),
    ],
    ids=["AVX-512 BF16", "AMX bf16", "AMX", "AVX2 only", "unknown"],
)
def test_cpu_has_bf16_only_in_hardware(flags: dict[str, bool], has_bf16: bool, words: str) -> None:  # noqa: FBT001
    """Without bf16 units bf16 is slower than fp32 on a CPU."""
    described = devices.describe_cpu(flags)

    assert (described.has_bf16, described.words, described.memory_bytes) == (has_bf16, words, 0)


def test_this_cpu_is_described() -> None:
    """Torch is asked about the CPU; a description is returned as it is."""
    described = devices.describe_device(torch.device("cpu"))

    assert described.kind == "cpu"
    assert devices.describe_device(described) is described


def test_older_torch_is_asked_under_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without get_capabilities the private questions of earlier releases are asked."""
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)

    assert devices.describe_device(torch.device("cpu")).words == "CPU with AVX-512 BF16"


def test_gpu_is_described_by_its_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, compute capability and memory come from torch; the words carry all three."""
    found = SimpleNamespace(name="T4", major=7, minor=5, total_memory=15_800_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: found)

    assert devices.describe_device(torch.device("cuda")) == devices.Device(
        "cuda",
        has_bf16=False,
        words="T4, compute capability 7.5, 16 GB",
        capability=(7, 5),
        memory_bytes=15_800_000_000,
    )


def test_other_devices_have_no_bf16() -> None:
    """MPS computes in fp32."""
    assert not devices.describe_device(torch.device("mps")).has_bf16


def test_default_device_prefers_accelerators(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA, then MPS, then the CPU."""
    found = []
    for cuda, mps in ((True, True), (False, True), (False, False)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        found.append(devices.default_device().type)

    assert found == ["cuda", "mps", "cpu"]
