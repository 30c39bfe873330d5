"""The dtype is chosen by what the hardware has, with a reason; fp16 by wish only, on CUDA, with a scaler."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from homework import precision
from homework.devices import Device, describe_cpu, describe_gpu
from homework.errors import BadInput, OptionInvalid, PrecisionUnavailable

WITH_BF16 = describe_cpu({"avx512_bf16": True})
WITHOUT_BF16 = describe_cpu({})
GPUS = {
    "P100": describe_gpu("P100", (6, 0), 17_000_000_000),
    "V100": describe_gpu("V100", (7, 0), 34_000_000_000),
    "T4": describe_gpu("T4", (7, 5), 15_800_000_000),
    "A100": describe_gpu("A100", (8, 0), 42_000_000_000),
    "L4": describe_gpu("L4", (8, 9), 23_600_000_000),
    "H200": describe_gpu("H200", (9, 0), 150_000_000_000),
    "B200": describe_gpu("B200", (10, 0), 192_000_000_000),
    "RTX 5090": describe_gpu("RTX 5090", (12, 0), 33_600_000_000),
}
DEVICES = st.one_of(
    st.sampled_from([WITH_BF16, WITHOUT_BF16, Device("mps", has_bf16=False, words="mps device")]),
    st.builds(
        describe_gpu, st.just("GPU"), st.tuples(st.integers(3, 13), st.integers(0, 9)), st.integers(10**9, 2 * 10**11)
    ),
)
WISHES = st.sampled_from(["auto", "fp32", "bf16", "fp16"])


@pytest.mark.parametrize(
    ("described", "expected"), [(WITH_BF16, "bf16"), (WITHOUT_BF16, "fp32")], ids=["with", "without"]
)
def test_cpu_gets_bf16_only_with_hardware(described: Device, expected: str) -> None:
    """Activations and base share the dtype; the reason says what was found."""
    chosen = precision.choose_precision(described)

    assert (chosen.name, chosen.base_dtype, chosen.autocast) == (expected, expected, expected == "bf16")
    assert chosen.reason.startswith(described.words)


@pytest.mark.parametrize("name", GPUS)
def test_gpu_gets_bf16_from_ampere_on(name: str) -> None:
    """bf16 units came with compute capability 8.0; older GPUs get fp32, not fp16."""
    chosen = precision.choose_precision(GPUS[name])

    assert chosen.name == ("fp32" if name in ("P100", "V100", "T4") else "bf16")
    assert name in chosen.reason


@given(DEVICES, st.sampled_from(["auto", "fp32", "bf16"]))
def test_fp16_is_never_chosen_by_itself(described: Device, base_dtype: str) -> None:
    """Whatever the device: without a wish neither activations nor base are fp16, and no scaler is needed."""
    chosen = precision.choose_precision(described, base_dtype=base_dtype)

    assert "fp16" not in (chosen.name, chosen.base_dtype)
    assert not chosen.needs_scaler
    assert chosen.reason


@given(DEVICES, WISHES, WISHES)
def test_wish_is_granted_or_refused(described: Device, wish: str, base_dtype: str) -> None:
    """A wish is never turned into something else; it is refused only where the hardware cannot grant it."""
    try:
        chosen = precision.choose_precision(described, wish=wish, base_dtype=base_dtype)
    except PrecisionUnavailable:
        assert (
            (wish == "bf16" and not described.has_bf16)
            or (wish == "fp16" and described.kind != "cuda")
            or base_dtype == "fp16"
        )
        return
    assert wish in ("auto", chosen.name)
    assert base_dtype in ("auto", chosen.base_dtype)
    assert chosen.flags == {"bf16": chosen.name == "bf16", "fp16": chosen.name == "fp16"}


def test_fp16_by_wish_has_a_scaler_and_an_fp32_base() -> None:
    """On CUDA the wish is granted: scaled gradients, and a base that answers without overflow."""
    chosen = precision.choose_precision(GPUS["T4"], wish="fp16")

    assert (chosen.name, chosen.base_dtype, chosen.needs_scaler) == ("fp16", "fp32", True)
    assert chosen.reason.startswith("fp16 was asked for; with a gradient scaler")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wish": "bf16"}, "a device that computes in bf16, but got CPU without"),
        ({"wish": "fp16"}, "a CUDA device, whose gradient scaler fp16 needs, but got CPU"),
        ({"base_dtype": "fp16"}, "a base held in fp32 or bf16"),
    ],
    ids=["bf16", "fp16", "base in fp16"],
)
def test_what_the_device_lacks_is_refused(options: dict[str, str], message: str) -> None:
    """A wish that the hardware cannot grant is an error with the way out."""
    with pytest.raises(PrecisionUnavailable, match=message) as caught:
        precision.choose_precision(WITHOUT_BF16, **options)

    assert "fp32 works everywhere" in caught.value.action


def test_wish_is_given_as_the_reason() -> None:
    """What was asked for is said to have been asked for; the base may be held in another dtype."""
    chosen = precision.choose_precision(WITH_BF16, wish="fp32", base_dtype="bf16")

    assert (chosen.name, chosen.base_dtype, chosen.reason) == ("fp32", "bf16", "fp32 was asked for")


@pytest.mark.parametrize("option", ["wish", "base_dtype"])
def test_unknown_wish_is_refused(option: str) -> None:
    """A dtype nobody knows is an error that lists the known ones."""
    with pytest.raises(OptionInvalid, match="auto, fp32, bf16, fp16"):
        precision.choose_precision(WITH_BF16, **{option: "int4"})


def test_reported_name_is_an_alias() -> None:
    """The reports call it determine_precision_flags; its flags are TrainingArguments' names."""
    assert precision.determine_precision_flags(WITH_BF16).flags == {"bf16": True, "fp16": False}


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


@pytest.mark.parametrize("is_new", [True, False], ids=["torch 2.9", "before"])
def test_products_are_as_before(monkeypatch: pytest.MonkeyPatch, *, is_new: bool) -> None:
    """Whatever sets TF32 meanwhile, and however it ends."""
    own = SimpleNamespace(cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False)))
    own.cudnn = SimpleNamespace(allow_tf32=True)
    if is_new:
        own.fp32_precision = "none"
    monkeypatch.setattr(torch, "backends", own)
    before = repr(own)
    with contextlib.suppress(RuntimeError), precision.products_as_before():
        own.cuda.matmul.allow_tf32 = is_new is False
        own.cudnn.allow_tf32 = is_new
        vars(own).update({"fp32_precision": "tf32"} if is_new else {})
        raise RuntimeError

    assert repr(own) == before
