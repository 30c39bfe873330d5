"""A checkpoint counts only when it is whole."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from homework.saved_steps import COMPLETE, SavedStep, find_saved, folder_of, seal_step

FILES = {"adapter_model.safetensors": b"weights", "optimizer.pt": b"moments", "trainer_state.json": b"{}"}


def save(run: Path, step: int, *, sealed: bool = True) -> SavedStep:
    """Write a checkpoint."""
    folder = folder_of(run, step)
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    saved = SavedStep(folder, step, 100, 1.5, step - 1)
    if sealed:
        seal_step(saved)
    return saved


def test_newest_whole_one_is_found(tmp_path: Path) -> None:
    """By number, not by name; one that is not sealed is passed over, with the reason."""
    save(tmp_path, 9)
    tenth = save(tmp_path, 10)
    torn = save(tmp_path, 11, sealed=False).folder

    assert find_saved(tmp_path) == (
        tenth,
        {torn: "it has no complete.json: the process ended while it was written"},
    )
    assert str(tenth) == "step 10 of 100"


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    """No folder, an empty one, or one with other things in it."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "checkpoint-best").mkdir()

    assert find_saved(tmp_path / "none") == find_saved(tmp_path / "there") == (None, {})


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "{} is not as it was written"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), "{} is not as it was written"),
        (lambda path: path.unlink(), "{} is missing"),
    ],
    ids=["cut", "same size, other content", "gone"],
)
def test_spoilt_checkpoint_is_passed_over(
    tmp_path: Path, name: str, spoil: Callable[[Path], object], reason: str
) -> None:
    """Whichever file it is, and the one before is taken."""
    before = save(tmp_path, 5)
    spoilt = save(tmp_path, 7).folder
    spoil(spoilt / name)

    assert find_saved(tmp_path) == (before, {spoilt: reason.format(name)})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it cannot be read (JSONDecodeError)"),
        (b"[" * 100_000, "it cannot be read (RecursionError)"),
        (b"[]", "its complete.json lacks fields"),
        (b'{"schema_version": 2}', "its complete.json lacks fields"),
    ],
    ids=["empty", "deep", "a list", "another schema"],
)
def test_seal_that_cannot_be_read_seals_nothing(tmp_path: Path, content: bytes, reason: str) -> None:
    """It is passed over as one without."""
    spoilt = save(tmp_path, 7).folder
    (spoilt / COMPLETE).write_bytes(content)

    assert find_saved(tmp_path) == (None, {spoilt: reason})


def test_added_file_does_no_harm(tmp_path: Path) -> None:
    """What was written is still whole."""
    saved = save(tmp_path, 7)
    (saved.folder / "note.txt").write_text("mine")

    assert find_saved(tmp_path) == (saved, {})


def test_two_are_kept(tmp_path: Path) -> None:
    """The newest, and the one before; what lies beside them stays."""
    (tmp_path / "run.json").write_text("{}")
    for step in (8, 9, 10, 11):
        save(tmp_path, step)

    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-10", "checkpoint-11", "run.json"}


def test_older_ones_go_only_when_the_new_one_is_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends before leaves all that there was."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    save(tmp_path, 1)
    save(tmp_path, 2)
    monkeypatch.setattr("homework.saved_steps.replace_file", end)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 3)

    found = find_saved(tmp_path)[0]
    assert found
    assert (found.step, folder_of(tmp_path, 1).exists()) == (2, True)


def test_loss_keeps_every_bit(tmp_path: Path) -> None:
    """Also one that is not finite, as under a gradient scaler."""
    for step, loss in enumerate((0.1 + 0.2, math.inf), start=1):
        folder = save(tmp_path, step, sealed=False).folder
        seal_step(SavedStep(folder, step, 9, loss, 0))
        found = find_saved(tmp_path)[0]

        assert found
        assert found.loss == loss
        assert json.loads((folder / COMPLETE).read_text())["step"] == step


def test_files_get_ordinary_modes(tmp_path: Path) -> None:
    """Written through to the disk; safetensors writes what only its owner can read."""
    folder = save(tmp_path, 1, sealed=False).folder
    usual = (folder / "optimizer.pt").stat().st_mode
    (folder / "optimizer.pt").chmod(0o600)
    seal_step(SavedStep(folder, 1, 9, 0.0, 0))

    assert (folder / "optimizer.pt").stat().st_mode == usual
