"""What the bytes of tensors say: is every value finite, is every value zero, how large is what LoRA adds to a weight?

Bits are compared, not numbers: without its sign a float is an integer that grows with it, and inf and NaN are the
largest of all. One maximum answers all three questions, in every dtype, those that numpy does not know included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .tensor_files import Dtype, Tensor

BLOCK = 1 << 20  # bytes that are read at a time
PIECE = 1 << 16  # elements looked at at a time: with the result in a core's cache


@dataclass(frozen=True)
class Values:
    """What was seen in one tensor.

    Attributes:
        zero: Every element is 0, or -0.
        nonfinite: Number of elements that are inf or NaN.
        first: Index of the first of them, in the tensor's shape; empty where there is none.
    """

    zero: bool
    nonfinite: int
    first: tuple[int, ...]


def bits_of(tensor: Tensor) -> NDArray[Any]:
    """All of a tensor, in its shape, as unsigned integers."""
    return np.frombuffer(tensor.file.read(tensor.begin, tensor.end), tensor.kind.bits).reshape(tensor.shape)


def blocks_of(tensor: Tensor) -> Iterator[NDArray[Any]]:
    """Its bits in order, a block at a time."""
    for begin in range(tensor.begin, tensor.end, BLOCK):
        yield np.frombuffer(tensor.file.read(begin, min(begin + BLOCK, tensor.end)), tensor.kind.bits)


def look_at(tensor: Tensor) -> Values:
    """Read a tensor once, a block at a time."""
    largest, nonfinite, first, seen = 0, 0, -1, 0
    buffer = np.empty(PIECE, tensor.kind.bits)
    for bits in blocks_of(tensor):
        for piece in (bits[begin : begin + PIECE] for begin in range(0, bits.size, PIECE)):
            top = _largest(piece, tensor.kind, buffer)
            if tensor.kind.is_float and top >= tensor.kind.nonfinite:
                wrong = np.flatnonzero((piece & tensor.kind.magnitude) >= tensor.kind.nonfinite)
                first = seen + int(wrong[0]) if first < 0 else first
                nonfinite += wrong.size
            largest = max(largest, top)
            seen += piece.size
    index = np.unravel_index(first, tensor.shape or (1,)) if first >= 0 else ()
    return Values(largest == 0, nonfinite, tuple(int(place) for place in index))


def _largest(bits: NDArray[Any], kind: Dtype, buffer: NDArray[Any]) -> int:
    """The largest magnitude, as an integer; of integers just the largest pattern of bits."""
    if not kind.is_float:
        return int(bits.max())
    mask = bits.dtype.type(kind.magnitude)
    return int(np.bitwise_and(bits, mask, out=buffer[: bits.size]).max())


def agree(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal to the last bit."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return all(np.array_equal(*pair) for pair in zip(blocks_of(one), blocks_of(other), strict=True))


def as_numbers(tensor: Tensor) -> NDArray[np.float32] | None:
    """The values in float32, in two dimensions; None for a dtype that is not worth a norm."""
    bits = bits_of(tensor).reshape(tensor.shape[0], -1)
    match tensor.dtype:
        case "F32":
            return bits.view(np.float32)
        case "BF16":
            return (bits.astype(np.uint32) << 16).view(np.float32)
        case "F16":
            return bits.view(np.float16).astype(np.float32)
        case "F64":
            return bits.view(np.float64).astype(np.float32)
    return None


def update_norm(lora_a: Tensor, lora_b: Tensor, rank: int, scale: float) -> float | None:
    """Frobenius norm of ``scale * B @ A``, without forming the product.

    Args:
        lora_a: (experts * rank, in features), or with the axes of a convolution behind.
        lora_b: (out features, rank * experts).
        rank: Of one expert; PEFT keeps several experts' in one tensor.
        scale: ``alpha / r``, or ``alpha / sqrt(r)``.

    Returns:
        The norm, from the Gram matrices: ``|B A|^2 = sum(B^T B * A A^T)``; nan where a value is not finite, None where
        the shapes or dtypes do not allow it.
    """
    if len(lora_a.shape) < 2 or len(lora_b.shape) < 2 or not (lora_a.size and lora_b.size and rank):  # noqa: PLR2004 - matrices
        return None
    first, second = as_numbers(lora_a), as_numbers(lora_b)
    if first is None or second is None or first.shape[0] != second.shape[1] or first.shape[0] % rank:
        return None
    experts = first.shape[0] // rank
    with np.errstate(all="ignore"):
        squared = sum(
            _squared(first[expert * rank : (expert + 1) * rank], second[:, expert::experts])
            for expert in range(experts)
        )
    return scale * math.sqrt(max(squared, 0.0)) if math.isfinite(squared) else math.nan


def _squared(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Squared Frobenius norm of ``second @ first``; in float64 where float32 is too narrow."""
    squared = float(((first @ first.T).astype(np.float64) * (second.T @ second)).sum())
    if math.isfinite(squared) or first.dtype == np.float64:
        return squared
    return _squared(first.astype(np.float64), second.astype(np.float64))
