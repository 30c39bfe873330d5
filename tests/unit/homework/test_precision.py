"""The dtype is chosen by what the hardware has, with a reason, and never fp16."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from homework import precision
from homework.errors import BadInput, OptionInvalid, PrecisionUnavailable

CPU = torch.device("cpu")


def pretend_cpu(monkeypatch: pytest.MonkeyPatch, **flags: bool) -> None:
    """Let torch report these CPU capabilities."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]) -> torch.device:
    """Let torch report this compute capability."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    return torch.device("cuda")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"amx_tile": True}, "bf16"),
        ({"avx512_bf16": False, "avx2": True}, "fp32"),
        ({}, "fp32"),
    ],
    ids=["AVX-512 BF16", "AMX bf16", "AMX", "AVX2 only", "unknown"],
)
def test_cpu_gets_bf16_only_with_hardware(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], expected: str
) -> None:
    """Without bf16 units bf16 is slower than fp32 on a CPU."""
    pretend_cpu(monkeypatch, **flags)
    chosen = precision.choose_precision(CPU)

    assert (chosen.name, chosen.base_dtype) == (expected, expected)
    assert chosen.autocast == (expected == "bf16")
    assert "CPU with" in chosen.reason


def test_older_torch_is_asked_under_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without get_capabilities the private questions of earlier releases are asked."""
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)

    assert precision.has_bf16(CPU) == (True, "CPU with AVX-512 BF16")


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 0), "fp32"), ((7, 5), "fp32"), ((8, 0), "bf16"), ((8, 9), "bf16"), ((9, 0), "bf16"), ((10, 0), "bf16")],
    ids=["V100", "T4", "A100", "L4", "H200", "B200"],
)
def test_gpu_gets_bf16_from_ampere_on(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    """bf16 units came with compute capability 8.0; older GPUs get fp32, not fp16."""
    chosen = precision.choose_precision(pretend_gpu(monkeypatch, capability))

    assert chosen.name == expected
    assert f"{capability[0]}.{capability[1]}" in chosen.reason


def test_other_devices_get_fp32() -> None:
    """MPS computes in fp32."""
    assert precision.choose_precision(torch.device("mps")).name == "fp32"


@given(st.sampled_from(["auto", "fp32", "bf16", "fp16"]), st.sampled_from(["auto", "fp32", "bf16", "fp16"]))
def test_fp16_is_never_the_answer(wish: str, base_dtype: str) -> None:
    """Whatever is asked for, fp16 is refused or not chosen."""
    try:
        chosen = precision.choose_precision(CPU, wish=wish, base_dtype=base_dtype)
    except PrecisionUnavailable:
        return
    assert "fp16" not in (chosen.name, chosen.base_dtype)


def test_bf16_wish_without_hardware_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wish that the hardware cannot grant is an error with the way out."""
    pretend_cpu(monkeypatch)

    with pytest.raises(PrecisionUnavailable, match="use --precision fp32"):
        precision.choose_precision(CPU, wish="bf16")


def test_wish_is_given_as_the_reason() -> None:
    """What was asked for is said to have been asked for; the base may be held in another dtype."""
    chosen = precision.choose_precision(CPU, wish="fp32", base_dtype="bf16")

    assert (chosen.name, chosen.base_dtype, chosen.reason) == ("fp32", "bf16", "fp32 was asked for")


@pytest.mark.parametrize("option", ["wish", "base_dtype"])
def test_unknown_wish_is_refused(option: str) -> None:
    """A dtype nobody knows is an error that lists the known ones."""
    with pytest.raises(OptionInvalid, match="auto, fp32, bf16, fp16"):
        precision.choose_precision(CPU, **{option: "int4"})


@pytest.mark.parametrize("name", ["bf16", "bfloat16", "torch.bfloat16", torch.bfloat16])
def test_dtype_named_takes_every_spelling(name: str | torch.dtype) -> None:
    """Short, long, with prefix, or the dtype itself."""
    assert precision.dtype_named(name) is torch.bfloat16


def test_dtype_named_refuses_others() -> None:
    """An integer dtype holds no weights."""
    with pytest.raises(BadInput, match="'int8'"):
        precision.dtype_named("int8")


def test_short_name_turns_dtypes_round() -> None:
    """The manifest's names are the short ones; a dtype without one keeps its own."""
    assert [precision.short_name(dtype) for dtype in (torch.float32, torch.bfloat16, torch.int8)] == [
        "fp32",
        "bf16",
        "int8",
    ]
