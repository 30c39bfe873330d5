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


def blocks_of(tensor: Tensor, elements: int = 1) -> Iterator[NDArray[Any]]:
    """Its bits in order, a block at a time, in each a multiple of so many elements."""
    row = elements * int(tensor.kind.bits[-1])
    step = max(1, BLOCK // row) * row
    for begin in range(tensor.begin, tensor.end, step):
        yield np.frombuffer(tensor.file.read(begin, min(begin + step, tensor.end)), tensor.kind.bits)


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


@dataclass(frozen=True)
class Update:
    """What LoRA adds to one module: ``scale * B @ A``.

    Attributes:
        lora_a: (experts * rank, in features), or with the axes of a convolution behind.
        lora_b: (out features, rank * experts), with axes of one element behind.
        rank: Of one expert; PEFT keeps several experts' in one tensor.
        scale: ``alpha / r``, or ``alpha / sqrt(r)``.
    """

    lora_a: Tensor
    lora_b: Tensor
    rank: int
    scale: float

    @property
    def is_product(self) -> bool:
        """Whether shapes and dtypes allow the product."""
        lora_a, lora_b = self.lora_a, self.lora_b
        if min(len(lora_a.shape), len(lora_b.shape)) < 2 or not (lora_a.size and lora_b.size and self.rank > 0):  # noqa: PLR2004 - matrices
            return False
        rows, columns = lora_a.shape[0], lora_b.size // lora_b.shape[0]
        return rows == columns and not rows % self.rank and {lora_a.dtype, lora_b.dtype} <= NUMBERS.keys()


def look_at_update(update: Update) -> tuple[Values, Values, float | None]:
    """Read both factors once, and measure their product.

    Returns:
        What was seen in A, and in B, as ``look_at`` tells it; and the Frobenius norm of ``scale * B @ A``, from the
        Gram matrices: ``|B A|^2 = sum(B^T B * A A^T)``. The norm is nan where a value is not finite, None where the
        shapes or dtypes do not allow it.
    """
    lora_a, lora_b, rank = update.lora_a, update.lora_b, update.rank
    if not update.is_product:
        return look_at(lora_a), look_at(lora_b), None
    first = bits_of(lora_a).reshape(-1, rank, math.prod(lora_a.shape[1:]))
    with np.errstate(all="ignore"):
        if rank > min(first.shape[2], lora_b.shape[0]):  # Gram matrices would outgrow the factors
            second = bits_of(lora_b).reshape(-1, rank, len(first)).transpose(2, 1, 0)
            squared = sum(_squared_product(*pair, update) for pair in zip(first, second, strict=True))
            return look_at(lora_a), look_at(lora_b), _root(squared, update.scale)
        own = _gram(first, lora_a.dtype)
        other = np.zeros_like(own)
        for rows in blocks_of(lora_b, rank * len(first)):
            other += _gram(rows.reshape(-1, rank, len(first)).transpose(2, 1, 0), lora_b.dtype)
        norm = _root(float((own * other).sum()), update.scale)
    return _values_by_gram(lora_a, own), _values_by_gram(lora_b, other), norm


def _root(squared: float, scale: float) -> float:
    return scale * math.sqrt(max(squared, 0.0)) if math.isfinite(squared) else math.nan


def _values_by_gram(tensor: Tensor, gram: NDArray[np.float64]) -> Values:
    """Squares stand on its diagonal: where their sum is finite, each value is; where it is above 0, some value is.

    A sum of 0, or one that is not finite, may be one of squares too small or too large for a float: bits tell.
    """
    squares = float(np.einsum("eii->", gram))
    return Values(zero=False, nonfinite=0, first=()) if 0 < squares < math.inf else look_at(tensor)


def _squared_product(first: NDArray[Any], second: NDArray[Any], update: Update) -> float:
    """Of bits (rank, in) and (rank, out), formed in full: no larger than the larger of the two."""
    one, other = NUMBERS[update.lora_a.dtype](first), NUMBERS[update.lora_b.dtype](np.ascontiguousarray(second))
    return float(np.square(other.T.astype(np.float64) @ one.astype(np.float64)).sum())


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
