"""Tensors are read from the mapped bytes as safetensors' own reader sees them; a lying header is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from unsilent.tensor_files import TensorFileUnreadable, read_tensors

KINDS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool,
         torch.float8_e4m3fn, torch.float8_e5m2]  # fmt: skip


@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_every_dtype_is_read(tmp_path: Path, dtype: torch.dtype) -> None:
    """Shape and bytes are those that were saved; zeros of both signs are zero."""
    values = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(dtype)
    zeros = (-torch.zeros(4)).to(dtype)
    save_file({"a": values, "b": zeros}, tmp_path / "x.safetensors")
    found = read_tensors(tmp_path / "x.safetensors")

    assert found["a"].shape == (2, 3)
    assert found["a"].bits.tobytes() == values.view(torch.uint8).numpy().tobytes()
    assert (found["a"].is_zero, found["b"].is_zero) == (False, True)


def write(path: Path, header: object, data: bytes = b"", *, length: int | None = None) -> Path:
    """Write a file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(**changes: object) -> dict[str, object]:
    """A header with one tensor of two fp32 numbers."""
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


def test_metadata_is_no_tensor(tmp_path: Path) -> None:
    """The one reserved name is left out; an empty tensor is a tensor."""
    header = {"__metadata__": {"format": "pt"}, **entry(shape=[0], data_offsets=[0, 0])}

    assert [one.shape for one in read_tensors(write(tmp_path / "x", header)).values()] == [(0,)]


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"", b"", "JSONDecodeError"),
        (b"\x80abc", b"", "UnicodeDecodeError"),
        ([], b"", "a header that is no object"),
        ({"x": 1}, b"", "x: a dtype, shape or offsets that nobody knows"),
        (entry(dtype="F31"), bytes(8), "nobody knows"),
        (entry(shape=[-2]), bytes(8), "nobody knows"),
        (entry(shape="2"), bytes(8), "nobody knows"),
        (entry(data_offsets=[0]), bytes(8), "nobody knows"),
        (entry(), bytes(4), "does not fit bytes 0 to 8 of 4"),
        (entry(shape=[3]), bytes(8), "does not fit"),
        (entry(data_offsets=[8, 0]), bytes(8), "does not fit"),
        (entry(data_offsets=[-8, 0]), bytes(8), "does not fit"),
        (b"[" * 100_000, b"", "RecursionError"),
    ],
)
def test_lying_header_is_refused(tmp_path: Path, header: object, data: bytes, message: str) -> None:
    """Each contradiction is one exception with the tensor's name."""
    with pytest.raises(TensorFileUnreadable, match=message):
        read_tensors(write(tmp_path / "x", header, data))


@pytest.mark.parametrize("content", [b"", b"1234567", (10**9).to_bytes(8, "little"), (2**63).to_bytes(8, "little")])
def test_file_without_header_is_refused(tmp_path: Path, content: bytes) -> None:
    """Too short for its own header."""
    (tmp_path / "x").write_bytes(content)

    with pytest.raises(TensorFileUnreadable, match=f"no safetensors header in {len(content)} bytes"):
        read_tensors(tmp_path / "x")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The one exception covers the file system too."""
    with pytest.raises(TensorFileUnreadable, match="FileNotFoundError"):
        read_tensors(tmp_path / "x")


def test_bytes_stay_in_the_file(tmp_path: Path) -> None:
    """Tensors are views of the mapping, not copies."""
    save_file({"a": torch.ones(1000)}, tmp_path / "x.safetensors")

    assert not read_tensors(tmp_path / "x.safetensors")["a"].bits.flags.owndata
    assert isinstance(read_tensors(tmp_path / "x.safetensors")["a"].bits, np.ndarray)
