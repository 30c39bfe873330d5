"""Tensors of a safetensors file, read with numpy from the mapped bytes: no torch, nothing executed, nothing believed.

The file says of itself how long its header is, which dtype and shape every tensor has and where its bytes lie. Each of
these is held against the file before a byte is used.
"""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_HEADER = 100_000_000  # bytes; the limit that safetensors sets itself
# Sizes in bytes, and the numpy type that holds the bits; numpy knows neither bf16 nor the 8-bit floats.
DTYPES: dict[str, str] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "F8_E4M3": "u1", "F8_E5M2": "u1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1",
}  # fmt: skip
LONG_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
MAGNITUDE = {"BF16": 0x7FFF, "F8_E4M3": 0x7F, "F8_E5M2": 0x7F}  # all bits but the sign


class TensorFileUnreadable(Exception):
    """A file that is no safetensors file, or contradicts itself."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as its header describes it; its bytes stay in the file until they are asked for."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bits: NDArray[Any]

    @property
    def is_zero(self) -> bool:
        """Whether every element is 0 (or -0)."""
        if magnitude := MAGNITUDE.get(self.dtype):
            return not bool((self.bits & np.array(magnitude, self.bits.dtype)).any())
        return not bool(self.bits.any())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Map a safetensors file and hold its header against it.

    Raises:
        TensorFileUnreadable: No header, or one that contradicts the file; the message says how.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            length = int.from_bytes(head, "little")
            if len(head) < 8 or length > min(LARGEST_HEADER, size - 8):  # noqa: PLR2004 - the header's length itself
                raise TensorFileUnreadable(f"no safetensors header in {size} bytes")
            header = json.loads(file.read(length))
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError, RecursionError) as error:
        raise TensorFileUnreadable(f"{type(error).__name__}: {error}") from error
    if not isinstance(header, dict):
        raise TensorFileUnreadable("a header that is no object")
    data = np.frombuffer(mapped, dtype=np.uint8)[8 + length :]
    return {name: _tensor(name, entry, data) for name, entry in header.items() if name != "__metadata__"}


def _tensor(name: str, entry: object, data: NDArray[np.uint8]) -> Tensor:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]} if (
            dtype in DTYPES and all(isinstance(one, int) and one >= 0 for one in shape)
        ):
            kind = np.dtype(DTYPES[dtype])
        case _:
            raise TensorFileUnreadable(f"{name}: a dtype, shape or offsets that nobody knows")
    count = 1
    for one in shape:
        count *= one
    if not (0 <= begin <= end <= len(data)) or count * kind.itemsize != end - begin:
        raise TensorFileUnreadable(f"{name}: {dtype} {shape} does not fit bytes {begin} to {end} of {len(data)}")
    return Tensor(name, dtype, tuple(shape), data[begin:end].view(kind))
