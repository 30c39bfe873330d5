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
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from .tensor_files import Dtype, Tensor

BLOCK = 1 << 20  # bytes that are read at a time
MATRIX = 1 << 22  # elements multiplied at a time: 16 MB as float32
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
    rows, columns = lora_a.shape[0], lora_b.size // lora_b.shape[0]
    if rows != columns or rows % rank or not {lora_a.dtype, lora_b.dtype} <= NUMBERS.keys():
        return None
    experts = rows // rank
    first = bits_of(lora_a).reshape(experts, rank, -1)
    second = bits_of(lora_b).reshape(-1, rank, experts).transpose(2, 1, 0)
    with np.errstate(all="ignore"):
        squared = float((_gram(first, lora_a.dtype) * _gram(second, lora_b.dtype)).sum())
    return scale * math.sqrt(max(squared, 0.0)) if math.isfinite(squared) else math.nan


def _gram(bits: NDArray[Any], dtype: str) -> NDArray[np.float64]:
    """``X @ X^T`` for each of the matrices (n, rank, length), a piece of their length at a time."""
    total = np.zeros((bits.shape[0], bits.shape[1], bits.shape[1]))
    step = max(1, MATRIX // bits.shape[1])
    for number, matrix in enumerate(bits):
        for begin in range(0, bits.shape[2], step):
            piece = matrix[:, begin : begin + step]
            if bits.itemsize not in piece.strides:  # BLAS takes rows or columns that lie together, transposed or not
                piece = np.ascontiguousarray(piece)
            piece = NUMBERS[dtype](piece)
            product = piece @ piece.T
            if not np.isfinite(product).all():  # squares may be too large for float32
                piece = piece.astype(np.float64)
                product = piece @ piece.T
            total[number] += product
    return total


# How the bits of a dtype become numbers that can be multiplied.
NUMBERS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "F64": lambda bits: bits.view(np.float64),
    "F32": lambda bits: bits.view(np.float32),
    "F16": lambda bits: bits.view(np.float16).astype(np.float32),
    "BF16": lambda bits: (bits.astype(np.uint32) << np.uint32(16)).view(np.float32),
}
