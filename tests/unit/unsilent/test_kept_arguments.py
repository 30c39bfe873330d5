"""Arguments are read from what Trainer writes; whatever else a pickle may be is not run, and raises nothing."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainingArguments

from unsilent.kept_arguments import MOST_BYTES, NAME, read_arguments


def zipped(folder: Path, blob: bytes, entry: str = "archive/data.pkl") -> Path:
    """A folder with a file of torch's form around a pickle."""
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        archive.writestr(entry, blob)
    return folder


class Calling:
    """Its pickle makes a file when it is read by the book."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], object], tuple[Path]]:
        """Call."""
        return Path.touch, (self.path,)


def test_arguments_of_a_trainer_are_read(tmp_path: Path) -> None:
    """Numbers, texts and truths; the member of an enumeration by its value; what is none of them is left out."""
    arguments = TrainingArguments(output_dir="out", lr_scheduler_type="cosine", seed=7, bf16=True, use_cpu=True)
    torch.save(arguments, tmp_path / NAME)
    kept = read_arguments(tmp_path)

    assert (kept["seed"], kept["lr_scheduler_type"], kept["bf16"], kept["data_seed"]) == (7, "cosine", True, None)
    assert kept["learning_rate"] == arguments.learning_rate
    assert "accelerator_config" not in kept


def test_nothing_is_run(tmp_path: Path) -> None:
    """A pickle that would make a file makes none."""
    blob = pickle.dumps({"seed": Calling(tmp_path / "made")})
    pickle.loads(blob)  # noqa: S301 - it is one
    assert (tmp_path / "made").exists()
    (tmp_path / "made").unlink()

    assert read_arguments(zipped(tmp_path, blob)) == {}
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"N.",
        b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",
        b"Nr" + (1 << 31).to_bytes(4, "little") + b".",
        pickle.dumps({"seed": 7}),
        b"cnobody\nhome\n(tRI7\nb.",
        b"Pplace\n.",
        b"l" * 10,
    ],
    ids=["empty", "None", "a long buffer", "a far memo", "a dictionary", "a state that is a number", "a place", "cut"],
)
def test_other_pickles_tell_nothing(tmp_path: Path, blob: bytes) -> None:
    """And take neither memory nor time."""
    assert read_arguments(zipped(tmp_path, blob)) == {}


def test_other_files_tell_nothing(tmp_path: Path) -> None:
    """No file, no zip, a zip without a pickle, one too long."""
    assert read_arguments(tmp_path) == {}
    (tmp_path / NAME).write_bytes(b"PK no zip")
    assert read_arguments(tmp_path) == {}
    assert read_arguments(zipped(tmp_path, b"N.", entry="other")) == {}
    assert read_arguments(zipped(tmp_path, pickle.dumps(["x" * MOST_BYTES]))) == {}


@given(noise=st.binary(max_size=200), at=st.integers(0, 400))
def test_damaged_arguments_raise_nothing(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    """Whatever stands in the file."""
    stream = io.BytesIO()
    torch.save({"seed": torch.zeros(1)}, stream)
    blob = stream.getvalue()
    folder = tmp_path_factory.mktemp("damaged")
    (folder / NAME).write_bytes(blob[:at] + noise + blob[at + len(noise) :])

    assert read_arguments(folder) == {}
