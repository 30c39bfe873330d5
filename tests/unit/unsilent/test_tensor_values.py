"""One pass over the bits tells finite from not, and zero from not, in every dtype; norms are those of the product."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unsilent.tensor_files import Tensor, read_tensors
from unsilent.tensor_values import Update, Values, agree, look_at, look_at_update

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]


def saved(folder: Path, **tensors: torch.Tensor) -> dict[str, Tensor]:
    """Tensors as they are read back."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "x.safetensors")
    return read_tensors(folder / "x.safetensors")


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
def test_what_is_not_finite_is_counted_and_placed(tmp_path: Path, dtype: torch.dtype, bad: float) -> None:
    """Both signs, every float; float8_e4m3fn has no inf, and its largest number in that place."""
    if dtype == torch.float8_e4m3fn:
        bad = math.nan
    values = torch.ones(70, 1000).to(dtype)
    values[66, 5] = values[69, 999] = bad
    seen = look_at(saved(tmp_path, a=values)["a"])

    assert (seen.nonfinite, seen.first, seen.zero) == (2, (66, 5), False)


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int32, torch.bool], ids=str)
def test_zeros_of_both_signs_are_zero(tmp_path: Path, dtype: torch.dtype) -> None:
    """The smallest number that is none is not; what is largest is finite."""
    zeros, small, large = (-torch.zeros(4)).to(dtype), torch.zeros(4).to(dtype), torch.ones(3).to(dtype)
    small.view(torch.uint8)[0] = 1
    if dtype.is_floating_point:
        large[:] = torch.finfo(dtype).max
    found = saved(tmp_path, zeros=zeros, small=small, large=large)

    assert [look_at(found[name]).zero for name in ("zeros", "small", "large")] == [True, False, False]
    assert [look_at(found[name]).nonfinite for name in ("zeros", "small", "large")] == [0, 0, 0]


def test_nothing_is_zero(tmp_path: Path) -> None:
    """A tensor without elements, and one without axes."""
    found = saved(tmp_path, none=torch.zeros(0, 3), one=torch.tensor(math.nan))

    assert look_at(found["none"]).zero
    assert look_at(found["one"]).first == (0,)


def update_norm(lora_a: Tensor, lora_b: Tensor, rank: int, scale: float) -> float | None:
    """The norm alone."""
    return look_at_update(Update(lora_a, lora_b, rank, scale))[2]


@pytest.mark.parametrize("dtype", FLOATS[:4], ids=str)
def test_norm_is_that_of_the_product(tmp_path: Path, dtype: torch.dtype) -> None:
    """Without forming it, in each dtype that adapters have."""
    torch.manual_seed(0)
    first, second = torch.randn(4, 30).to(dtype), torch.randn(20, 4).to(dtype)
    found = saved(tmp_path, a=first, b=second)

    assert update_norm(found["a"], found["b"], 4, 0.5) == pytest.approx(
        0.5 * float(torch.linalg.norm(second.double() @ first.double())), rel=1e-5
    )


def test_norm_of_experts_and_convolutions(tmp_path: Path) -> None:
    """Of experts PEFT stacks ranks (expert by expert in A, interleaved in B); a convolution has axes behind."""
    torch.manual_seed(0)
    first, second = torch.randn(3 * 2, 5), torch.randn(7, 2 * 3)
    delta = torch.einsum("ore,eri->eoi", second.reshape(7, 2, 3), first.reshape(3, 2, 5))
    kernel, back = torch.randn(2, 4, 3, 3), torch.randn(6, 2, 1, 1)
    found = saved(tmp_path, a=first, b=second, kernel=kernel, back=back)

    assert update_norm(found["a"], found["b"], 2, 1.0) == pytest.approx(float(torch.linalg.norm(delta)), rel=1e-5)
    assert update_norm(found["kernel"], found["back"], 2, 1.0) == pytest.approx(
        float(torch.linalg.norm(back.flatten(1) @ kernel.flatten(1))), rel=1e-5
    )


def test_norm_survives_every_value(tmp_path: Path) -> None:
    """Squares beyond float32 are added in float64, NaN stays NaN, and what is no pair of matrices has none."""
    found = saved(
        tmp_path, big=torch.full((1, 2), 1e30), back=torch.full((2, 1), 1e5), nan=torch.full((2, 1), math.nan),
        row=torch.ones(3), wide=torch.ones(2, 2), ints=torch.ones(2, 1, dtype=torch.int32), none=torch.ones(0, 2),
    )  # fmt: skip

    assert update_norm(found["big"], found["back"], 1, 1.0) == pytest.approx(2e35, rel=1e-5)
    assert math.isnan(update_norm(found["big"], found["nan"], 1, 1.0) or 0)
    for pair in (("row", "back"), ("wide", "back"), ("big", "ints"), ("none", "back")):
        assert update_norm(found[pair[0]], found[pair[1]], 1, 1.0) is None


@pytest.mark.parametrize("into", [5, 3], ids=["Gram matrices", "the product"])
@pytest.mark.parametrize("dtype", FLOATS[:4], ids=str)
def test_factors_are_seen_as_alone(tmp_path: Path, dtype: torch.dtype, into: int) -> None:
    """What is looked at for its norm is found finite, zero or broken exactly where a plain look finds it."""
    bad, tiny = torch.ones(4, into).to(dtype), torch.full((4, into), torch.finfo(dtype).tiny, dtype=dtype)
    bad[2, 1] = math.inf
    found = saved(
        tmp_path, bad=bad, tiny=tiny, zero=torch.zeros(4, into).to(dtype), one=torch.ones(4, into).to(dtype),
        back=torch.ones(6, 4).to(dtype), nan=torch.full((6, 4), math.nan).to(dtype),
    )  # fmt: skip
    pairs = [(found[first], found[second]) for first in ("bad", "tiny", "zero", "one") for second in ("back", "nan")]

    seen = [look_at_update(Update(*pair, 4, 1.0))[:2] for pair in pairs]
    assert seen == [(look_at(first), look_at(second)) for first, second in pairs]
    assert [values.zero for values, _ in seen] == [False] * 4 + [True] * 2 + [False] * 2


def test_blocks_end_with_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of six elements in blocks of two rows, and of one where a row is larger than a block."""
    torch.manual_seed(0)
    first, second = torch.randn(6, 30), torch.randn(21, 6)
    found = saved(tmp_path, a=first, b=second)
    norm = pytest.approx(float(torch.linalg.norm(second @ first)), rel=1e-5)

    for size in (50, 20):
        monkeypatch.setattr("unsilent.tensor_values.BLOCK", size)
        assert update_norm(found["a"], found["b"], 6, 1.0) == norm


def test_rank_far_above_the_shape(tmp_path: Path) -> None:
    """A rank of 60,000 on a weight of one element: half a megabyte, whose Gram matrices would take 27 GB each."""
    rank = 60_000
    found = saved(tmp_path, a=torch.ones(rank, 1), b=torch.ones(1, rank))
    *values, norm = look_at_update(Update(found["a"], found["b"], rank, 0.5))

    assert norm == pytest.approx(rank / 2)
    assert values == [Values(zero=False, nonfinite=0, first=())] * 2


def test_equal_to_the_last_bit(tmp_path: Path) -> None:
    """Another value, shape or dtype is another tensor."""
    ones = torch.ones(2, 3)
    found = saved(tmp_path, a=ones, b=ones.clone(), c=ones.T, d=ones.int(), e=ones + torch.eye(2, 3) * 1e-7)

    assert [agree(found["a"], found[name]) for name in "abcde"] == [True, True, False, False, False]
