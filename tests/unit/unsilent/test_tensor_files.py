"""A header is believed as far as it fits the file; what does not fit is refused with the tensor's name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unsilent import tensor_files
from unsilent.tensor_files import FileChanged, TensorFileUnreadable, read_tensors

KINDS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool,
         torch.float8_e4m3fn, torch.float8_e5m2]  # fmt: skip


@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_every_dtype_is_read(tmp_path: Path, dtype: torch.dtype) -> None:
    """Shape, dtype and bytes are those that were saved."""
    values = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(dtype)
    save_file({"a": values, "b": values.clone()}, tmp_path / "x.safetensors")
    found = read_tensors(tmp_path / "x.safetensors")["a"]

    assert (found.shape, found.size, found.kind.name) == ((2, 3), 6, str(dtype).removeprefix("torch."))
    assert found.file.read(found.begin, found.end) == values.view(torch.uint8).numpy().tobytes()


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
        ({"__metadata__": {"step": 1}}, b"", "metadata that is no table of texts"),
        (b'{"x": {}, "x": {}}', b"", "x stands there twice"),
        ({**entry(), "y": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8), "y overlaps the tensor"),
        (entry(shape=[1], data_offsets=[4, 8]), bytes(8), "x leaves a gap before it"),
        (entry(), bytes(12), "4 bytes after the last tensor"),
        (entry(shape=[True, 2]), bytes(8), "nobody knows"),
        (b"[" * 500_001, b"", "a header of more than 250000 entries"),
        ({"x": 1}, b"", "x: a dtype, shape or offsets that nobody knows"),
        (entry(dtype="F31"), bytes(8), "nobody knows"),
        (entry(shape=[-2]), bytes(8), "nobody knows"),
        (entry(shape="2"), bytes(8), "nobody knows"),
        (entry(data_offsets=[0]), bytes(8), "nobody knows"),
        (entry() | {"y" * 1001: entry()["x"]}, bytes(8), "a name of 1001 characters in 1 parts, where 1000"),
        ({"y" + ".y" * 64: entry()["x"]}, bytes(8), "a name of 129 characters in 65 parts"),
        (entry(shape=[1] * 64 + [2]), bytes(8), "nobody knows"),  # 65 axes
        (entry(), bytes(4), "does not fit bytes 0 to 8 of 4"),
        (entry(shape=[3]), bytes(8), "does not fit"),
        (entry(data_offsets=[8, 0]), bytes(8), "does not fit"),
        (entry(data_offsets=[-8, 0]), bytes(8), "nobody knows"),
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


def test_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    """What cannot be read is not judged, and so not called damaged."""
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "x")


@pytest.mark.parametrize("change", ["cut", "written", "replaced", "removed"])
def test_file_that_changes_is_noticed(tmp_path: Path, change: str) -> None:
    """Bytes that are gone, a later time, another file under the name: each is said, none is a crash."""
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(1000)}, path)
    tensor = read_tensors(path)["a"]
    tensor.file.must_be_unchanged()
    if change == "cut":
        os.truncate(path, 100)
        with pytest.raises(FileChanged, match="became shorter while it was read"):
            tensor.file.read(tensor.begin, tensor.end)
    elif change == "written":
        os.utime(path, ns=(0, 0))
    else:
        path.unlink()
        if change == "replaced":
            save_file({"a": torch.ones(1000)}, path)

    with pytest.raises(FileChanged, match=r"x\.safetensors changed while it was read"):
        tensor.file.must_be_unchanged()


def test_bytes_come_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may give less than was asked for."""
    save_file({"a": torch.ones(1000)}, tmp_path / "x")
    tensor, read = read_tensors(tmp_path / "x")["a"], os.pread
    monkeypatch.setattr(os, "pread", lambda file, count, at: read(file, min(count, 1500), at))

    assert tensor.file.read(tensor.begin, tensor.end) == torch.ones(1000).numpy().tobytes()


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    """A FIFO without a writer blocks whoever opens it plainly."""
    os.mkfifo(tmp_path / "x")

    with pytest.raises(TensorFileUnreadable, match="no regular file"):
        read_tensors(tmp_path / "x")


def test_file_that_was_never_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted download leaves a hole of zeros where the tensors should be; a giant is not begun with."""
    with (tmp_path / "x").open("wb") as file:
        file.truncate(200_000_000_000)

    with pytest.raises(TensorFileUnreadable, match=r"of 200\.0 GB only 0\.0 GB were ever written"):
        read_tensors(tmp_path / "x")
    monkeypatch.setattr(tensor_files, "SPARSE", 10**12)
    with pytest.raises(TensorFileUnreadable, match="200 GB, where 64 is the limit"):
        read_tensors(tmp_path / "x")


def test_holes_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies between them was written; a file without any is whole, one with too many to follow counts as such."""
    save_file({"a": torch.ones(1000)}, tmp_path / "whole")
    with (tmp_path / "x").open("wb") as file:
        for place in (0, 1_000_000_000, 1_900_000_000):
            file.seek(place)
            file.write(bytes(4096))
        file.truncate(2_000_000_000)
    found = tensor_files.TensorFile(tmp_path / "x")
    written = found.written
    monkeypatch.setattr(tensor_files, "MOST_HOLES", 2)

    assert 3 * 4096 <= written < 1_000_000
    assert found.written == found.size
    assert tensor_files.TensorFile(tmp_path / "whole").written == (tmp_path / "whole").stat().st_size


def test_file_that_is_cut_in_its_header_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size was one thing, what can be read is another."""
    save_file({"a": torch.ones(1000)}, tmp_path / "x")
    monkeypatch.setattr(os, "pread", lambda *_: b"")

    with pytest.raises(TensorFileUnreadable, match="FileChanged: x became shorter while it was read"):
        read_tensors(tmp_path / "x")
