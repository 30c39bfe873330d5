"""Event files that the real writer wrote are read, and what is damaged is said."""

from __future__ import annotations

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.event_files import _fields, _scalar, _scalars, _tensor, is_event_file, read_scalars


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three steps of two tags, a text and a tensor-encoded scalar, by TensorBoard's own writer."""
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path_factory.mktemp("events")
    with SummaryWriter(str(folder)) as writer:
        for step in (1, 2, 300):
            writer.add_scalar("train/loss", 2.0 / step, step)
            writer.add_scalar("train/grad_norm", float("nan"), step)
        writer.add_text("args", "loss 1.0", 300)
        writer.add_scalar("eval/loss", 1.5, 300, new_style=True)
    return next(folder.iterdir()).read_bytes()


def test_scalars_come_in_order(written: bytes) -> None:
    """Step, tag and value; text is passed over, a scalar in a tensor is not."""
    found = list(read_scalars(io.BytesIO(written)))

    assert [(step, tag) for step, tag, _ in found[:4]] == [
        (1, "train/loss"),
        (1, "train/grad_norm"),
        (2, "train/loss"),
        (2, "train/grad_norm"),
    ]
    assert str(found[1][2]) == "nan"
    assert (300, "eval/loss", 1.5) in found


def test_event_file_is_known_by_its_checksum(written: bytes) -> None:
    """The first twelve bytes decide."""
    assert is_event_file(written[:12])
    assert not is_event_file(written[:11])
    assert not is_event_file(b"{'loss': 1.0")


@given(st.data())
def test_any_cut_is_the_end(written: bytes, data: st.DataObject) -> None:
    """A file that is still being written gives what is whole, then says that it ends early; or it ended in between."""
    cut = written[: data.draw(st.integers(0, len(written) - 1))]
    whole = [str(found) for found in read_scalars(io.BytesIO(written))]
    found: list[str] = []
    with contextlib.suppress(EOFError):
        found.extend(str(scalar) for scalar in read_scalars(io.BytesIO(cut)))

    assert found == whole[: len(found)]


def test_cut_inside_a_record_is_said(written: bytes) -> None:
    """Neither half a header nor half a record passes for the end."""
    for end in (5, 20, len(written) - 1):
        with pytest.raises(EOFError):
            list(read_scalars(io.BytesIO(written[:end])))


def test_wrong_checksum_is_refused(written: bytes) -> None:
    """What follows is no record."""
    with pytest.raises(ValueError, match="a wrong checksum"):
        list(read_scalars(io.BytesIO(written + b"x" * 40)))


@pytest.mark.parametrize(
    ("tensor", "values"),
    [
        (b"\x08\x01\x22\x04" + struct.pack("<f", 1.5), [1.5]),
        (b"\x08\x02\x32\x08" + struct.pack("<d", 2.5), [2.5]),
        (b"\x08\x01\x2a\x08" + struct.pack("<ff", 1, 2), []),
    ],
    ids=["float content", "double", "two values"],
)
def test_tensors_that_hold_one_number(tensor: bytes, values: list[float]) -> None:
    """Scalars may be written as tensors of either width."""
    assert list(_tensor(tensor)) == values


@pytest.mark.parametrize(
    ("message", "match"),
    [
        (b"\x0b\x01", "kind 3"),
        (b"\xff\xff", "without an end"),
        (b"\xff" * 10 + b"\x01", "without an end"),
        (b"\x08\x01" * 100_001, "more than 100,000 fields"),
    ],
    ids=["a group", "cut", "eleven bytes", "many"],
)
def test_what_is_no_protocol_buffer_is_refused(message: bytes, match: str) -> None:
    """Groups, which nobody writes, and numbers that never end."""
    with pytest.raises(ValueError, match=match):
        list(_fields(message))


def test_fields_of_other_kinds_are_passed_over() -> None:
    """Fixed-width fields, and numbers where bytes are meant, are stepped over."""
    summary = b"\x0a\x02\x08\x01" + b"\x12\x00" + b"\x08\x01"
    event = b"\x09" + bytes(8) + b"\x2a" + bytes([len(summary)]) + summary

    assert list(_scalars(event)) == []
    assert list(_scalar(b"\x08\x01\x12\x00")) == []
