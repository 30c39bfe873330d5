"""A folder takes the place of another one, whole or not at all; leftovers of dead processes are put right."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import filelock
import pytest

from homework import replacing


def make(folder: Path, content: str) -> Path:
    """A folder with one file in it."""
    folder.mkdir(parents=True)
    (folder / "file").write_text(content)
    return folder


def content_of(folder: Path) -> str | None:
    """The one file's content; None for a folder that is not whole."""
    path = folder / "file"
    return path.read_text() if path.is_file() else None


@pytest.fixture(params=["exchange", "two renames"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's exchange, and without it."""
    if request.param == "two renames":
        monkeypatch.setattr(replacing, "_exchange", lambda first, second: False)


def test_scratch_lies_beside_and_goes_away(tmp_path: Path) -> None:
    """Same parent, locked while it lives, gone afterwards, also after an error."""
    with pytest.raises(KeyError), replacing.scratch_beside(tmp_path / "a" / "out") as scratch:  # noqa: PT012 - the block
        assert scratch.parent == tmp_path / "a"
        assert replacing.leftovers(tmp_path / "a" / "out") == []
        raise KeyError

    assert list((tmp_path / "a").iterdir()) == []


def test_free_place_is_taken(tmp_path: Path) -> None:
    """Nothing there, nothing replaced; an empty folder counts as nothing."""
    (tmp_path / "out").mkdir()

    assert replacing.put_in_place(make(tmp_path / "new", "new"), tmp_path / "out", replace=False) is None
    assert content_of(tmp_path / "out") == "new"


@pytest.mark.usefixtures("_both_ways")
def test_replaced_folder_is_returned_whole(tmp_path: Path) -> None:
    """The old one is kept until the caller lets it go."""
    make(tmp_path / "out", "old")
    old = replacing.put_in_place(make(tmp_path / "scratch" / "new", "new"), tmp_path / "out", replace=True)

    assert content_of(tmp_path / "out") == "new"
    assert old is not None
    assert content_of(old) == "old"


def test_taken_place_is_left_alone(tmp_path: Path) -> None:
    """Without leave to replace, what is there stays, and what was made stays where it is."""
    make(tmp_path / "out", "old")
    with pytest.raises(FileExistsError, match="saved there meanwhile"):
        replacing.put_in_place(make(tmp_path / "new", "new"), tmp_path / "out", replace=False)

    assert (content_of(tmp_path / "out"), content_of(tmp_path / "new")) == ("old", "new")


def test_error_of_the_file_system_is_passed_on(tmp_path: Path) -> None:
    """A target that is a file, say."""
    (tmp_path / "out").touch()

    with pytest.raises(OSError, match="Not a directory"):
        replacing.put_in_place(make(tmp_path / "new", "new"), tmp_path / "out", replace=True)


def fail_renames(monkeypatch: pytest.MonkeyPatch, name: str, number: int, times: int = 1000) -> list[int]:
    """Let renames of a folder of this name fail with ``number``, so many times after the first one."""
    real, seen = Path.rename, [0]

    def rename(self: Path, target: Path) -> Path:
        if self.name == name:
            seen[0] += 1
            if 1 < seen[0] <= times + 1:
                raise OSError(number, os.strerror(number))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    return seen


def test_failed_second_rename_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two renames an error may strike: the old folder returns."""
    monkeypatch.setattr(replacing, "_exchange", lambda first, second: False)
    make(tmp_path / "out", "old")
    fail_renames(monkeypatch, "new", errno.EIO)

    with pytest.raises(OSError, match="Input/output error"):
        replacing.put_in_place(make(tmp_path / "new", "new"), tmp_path / "out", replace=True)
    assert content_of(tmp_path / "out") == "old"


def test_place_lost_between_renames_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may take the place between our two renames; then it is replaced in turn."""
    monkeypatch.setattr(replacing, "_exchange", lambda first, second: False)
    make(tmp_path / "out", "old")
    made = make(tmp_path / "scratch" / "new", "new")
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        done = real(self, target)
        if self.name == "out" and target.name == "old-0":
            make(tmp_path / "out", "another's")
        return done

    monkeypatch.setattr(Path, "rename", rename)
    old = replacing.put_in_place(made, tmp_path / "out", replace=True)

    assert content_of(tmp_path / "out") == "new"
    assert old is not None
    assert content_of(old) == "another's"


def test_old_one_moved_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target may vanish while we look: another process is between its renames; the place is then free."""
    make(tmp_path / "out", "old")

    def vanish(first: Path, second: Path) -> bool:
        (second / "file").unlink()
        second.rmdir()
        return False

    monkeypatch.setattr(replacing, "_exchange", vanish)

    assert replacing.put_in_place(make(tmp_path / "new", "new"), tmp_path / "out", replace=True) is None
    assert content_of(tmp_path / "out") == "new"


def test_place_that_is_always_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a hundred lost races it is an error, not a hang."""
    monkeypatch.setattr(replacing, "_exchange", lambda first, second: False)
    make(tmp_path / "out", "old")
    fail_renames(monkeypatch, "out", errno.ENOENT)
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == "out":
            raise FileNotFoundError(errno.ENOENT, "gone")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)

    with pytest.raises(OSError, match="lost the place 100 times"):
        replacing.put_in_place(make(tmp_path / "new", "new"), tmp_path / "out", replace=True)


def test_system_without_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no renameat2 it is not called."""
    monkeypatch.setattr(os, "name", "nt")

    assert not replacing._exchange(tmp_path, tmp_path)


def leave_behind(folder: Path, **contents: str) -> Path:
    """What a killed process leaves: an unlocked scratch folder."""
    scratch = folder.parent / f".{folder.name}.saving-{len(list(folder.parent.iterdir()))}"
    scratch.mkdir()
    (scratch / "lock").touch()
    for name, content in contents.items():
        make(scratch / name, content)
    return scratch


@pytest.mark.parametrize(
    ("in_place", "left", "expected", "beside"),
    [
        (None, {"new": "2"}, "2", []),
        (None, {"new": "2", "old": "1"}, "2", []),
        (None, {"old": "1"}, "1", []),
        ("1", {"new": "2"}, "1", ["2"]),
        ("2", {"new": "1"}, "2", []),
        ("1", {}, "1", []),
        (None, {}, None, []),
    ],
    ids=["first save", "two renames", "half a new one", "before the exchange", "after it", "nothing new", "nothing"],
)
def test_recovery_loses_nothing_newer(
    tmp_path: Path, in_place: str | None, left: dict[str, str], expected: str | None, beside: list[str]
) -> None:
    """A free place is taken by the newest; a taken one stays, and what is newer than it is kept beside it."""
    if in_place:
        make(tmp_path / "out", in_place)
    scratch = leave_behind(tmp_path / "out", **left)
    put_back, kept, removed = replacing.recover(tmp_path / "out", content_of)

    assert content_of(tmp_path / "out") == expected
    assert (put_back is not None) == (in_place != expected)
    assert [content_of(path) for path in kept] == beside
    assert removed == [scratch]
    assert not scratch.exists()


def test_recovery_keeps_beside_what_it_cannot_compare(tmp_path: Path) -> None:
    """Something of unknown age in place is never replaced."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes").touch()
    leave_behind(tmp_path / "out", new="2", old="1")
    put_back, kept, _ = replacing.recover(tmp_path / "out", content_of)

    assert put_back is None
    assert [content_of(path) for path in kept] == ["2", "1"]
    assert (tmp_path / "out" / "notes").exists()


def test_living_process_is_left_alone(tmp_path: Path) -> None:
    """A scratch folder that is locked belongs to somebody."""
    scratch = leave_behind(tmp_path / "out", new="2")
    with filelock.FileLock(scratch / "lock"):
        assert replacing.recover(tmp_path / "out", content_of) == (None, [], [])

    assert replacing.recover(tmp_path / "out", content_of)[2] == [scratch]


def test_names_are_taken_literally(tmp_path: Path) -> None:
    """Brackets in a name are no pattern, and another folder's leftovers are not ours."""
    leave_behind(tmp_path / "out1", new="1")
    mine = leave_behind(tmp_path / "out[1]", new="2")

    assert replacing.leftovers(tmp_path / "out[1]") == [mine]
