"""The effective batch stays what it is, however it is cut; the cut goes by memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homework.batching import choose_batch, determine_batch_hparams
from homework.devices import Device, describe_cpu, describe_gpu
from homework.errors import OptionInvalid

CPU = describe_cpu({})
MPS = Device("mps", has_bf16=False, words="mps device")


def gpu(gigabytes: float) -> Device:
    """A GPU with so much memory."""
    return describe_gpu("GPU", (8, 0), int(gigabytes * 1e9))


@pytest.mark.parametrize("described", [CPU, MPS, Device("cuda", has_bf16=True, words="cuda")], ids=lambda d: d.words)
def test_default_is_eight_by_four(described: Device) -> None:
    """Where no memory is known: eight rows four times are the effective batch of 32, and the plan says so."""
    plan = choose_batch(described)

    assert (plan.micro_batch_size, plan.accumulation_steps, plan.effective_batch) == (8, 4, 32)
    assert plan.reason == f"up to 8 rows on {described.words}; 8 rows x 4 = 32 an optimizer step"


@pytest.mark.parametrize(
    ("gigabytes", "expected"),
    [(4.2, 2), (6.4, 2), (8.3, 4), (10.5, 8), (12.6, 8), (15.8, 16), (25.3, 32), (150, 32)],
    ids=["4 GB", "6 GB", "8 GB", "10 GB", "12 GB", "T4", "24 GB", "H200"],
)
def test_gpu_memory_decides(gigabytes: float, expected: int) -> None:
    """2, 4, 8, 16 or 32 rows by memory; accumulation keeps the effective batch at 32."""
    plan = choose_batch(gpu(gigabytes))

    assert (plan.micro_batch_size, plan.effective_batch) == (expected, 32)


@given(st.integers(10**8, 10**12), st.integers(10**8, 10**12))
def test_more_memory_never_means_fewer_rows(one: int, other: int) -> None:
    """The plan grows with memory."""
    less, more = sorted((one, other))

    assert choose_batch(gpu(less / 1e9)).micro_batch_size <= choose_batch(gpu(more / 1e9)).micro_batch_size


@given(st.integers(-2, 70), st.integers(-1, 300), st.sampled_from([CPU, MPS, gpu(4), gpu(8), gpu(80)]))
def test_effective_batch_is_kept_or_refused(micro: int, effective: int, described: Device) -> None:
    """Whatever is asked for: the two numbers multiply to the effective batch, or it is an error."""
    try:
        plan = choose_batch(described, micro_batch_size=micro, effective_batch=effective)
    except OptionInvalid:
        assert effective < 1 or micro < 0 or (micro and effective % micro)
        return
    assert plan.effective_batch == effective
    assert plan.hparams == {
        "per_device_train_batch_size": plan.micro_batch_size,
        "gradient_accumulation_steps": plan.accumulation_steps,
    }
    assert micro in (0, plan.micro_batch_size)


def test_more_than_planned_is_said() -> None:
    """A wish above the plan is granted, and the reason says so."""
    plan = determine_batch_hparams(gpu(8.3), micro_batch_size=32)

    assert plan.reason.startswith("asked for, where 4 rows are planned on GPU")
    assert determine_batch_hparams(gpu(8.3), micro_batch_size=2).reason.startswith("asked for; 2 rows x 16")
    assert determine_batch_hparams(CPU, micro_batch_size=16).reason.startswith("asked for; 16 rows x 2")


@pytest.mark.parametrize(
    ("micro", "effective", "message"),
    [
        (5, 32, "divides the effective batch of 32"),
        (64, 32, "one of 1, 2, 4, 8, 16, 32"),
        (0, 0, "at least 1 row"),
        (0, 10**10, "at most 65536"),
    ],
    ids=["no divisor", "larger than the batch", "no batch", "endless batch"],
)
def test_impossible_plans_are_refused(micro: int, effective: int, message: str) -> None:
    """The error says which numbers would do."""
    with pytest.raises(OptionInvalid, match=message):
        choose_batch(CPU, micro_batch_size=micro, effective_batch=effective)


def test_processes_share_the_effective_batch() -> None:
    """Two of them take half of it each; the plan says so."""
    plan = choose_batch(CPU, processes=2)

    assert (plan.micro_batch_size, plan.accumulation_steps, plan.effective_batch) == (8, 2, 32)
    assert plan.reason.endswith("; 8 rows x 2 x 2 processes = 32 an optimizer step")


def test_number_of_processes_must_divide_the_batch() -> None:
    """Else the effective batch would be another one."""
    with pytest.raises(OptionInvalid, match=r"divides the effective batch of 32, but got 3\. .* start one of 1, 2, 4"):
        choose_batch(CPU, processes=3)


def test_micro_batch_must_divide_the_share() -> None:
    """Of each process."""
    with pytest.raises(OptionInvalid, match=r"32, 8 for each of 4 processes, but got 16\. .* one of 1, 2, 4, 8,"):
        choose_batch(CPU, processes=4, micro_batch_size=16)
