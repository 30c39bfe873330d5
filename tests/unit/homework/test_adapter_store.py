"""Adapters are saved whole or not at all; what cannot go where it should is kept elsewhere, and that is said."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import faults
import pytest
import support

from homework import adapter_store as store
from homework import replacing
from homework.adapter_files import CONFIG, MANIFEST, WEIGHTS
from homework.errors import AdapterRefused, OutputRefused
from unsilent.manifest import seal_of


class FakeAdapter:
    """Saves two small files, the way PEFT does; for tests of what happens around the saving."""

    def __init__(self, content: str = "new", *, fails: int = 0) -> None:
        """Keep what to write, and how many times to fail."""
        self.content = content
        self.fails = fails

    def save_pretrained(self, folder: Path, **options: object) -> None:  # noqa: ARG002 - PEFT's signature
        """Write configuration and weights, or fail between them."""
        folder.mkdir(parents=True)
        (folder / CONFIG).write_text("{}")
        if self.fails:
            self.fails -= 1
            raise OSError(28, "No space left on device")
        (folder / WEIGHTS[0]).write_text(self.content)


def save(folder: Path, model: Any = None, *, overwrite: bool = True, created: str = "2026-01-01") -> None:  # noqa: ANN401
    """Save a fake adapter with a minimal manifest."""
    content = support.manifest_content() | {"created": created}
    store.save_adapter(model or FakeAdapter(), folder, content, {"curve.png": b"png"}, overwrite=overwrite)


def saved(folder: Path) -> str:
    """What the fake adapter wrote."""
    return (folder / WEIGHTS[0]).read_text()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of temporary files of our own, for adapters that are kept elsewhere."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_save_writes_exactly_these_files(tmp_path: Path) -> None:
    """Adapter, extra files and manifest, which knows the others; nothing beside the folder."""
    save(tmp_path / "out")
    manifest = store.read_manifest(tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "curve.png",
        "manifest.json",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert sorted(manifest["files"]) == ["adapter_config.json", "adapter_model.safetensors", "curve.png"]


def test_full_disk_leaves_the_old_adapter_and_keeps_the_new(tmp_path: Path, temporary: Path) -> None:
    """What was there is untouched, and the hours of training are saved among the temporary files."""
    save(tmp_path / "out", FakeAdapter("old"))
    with pytest.raises(
        OutputRefused, match=r"No space left on device.*still there.*the new adapter is kept in"
    ) as caught:
        save(tmp_path / "out", FakeAdapter(fails=1))

    assert saved(tmp_path / "out") == "old"
    kept = next(temporary.iterdir()) / "out"
    assert str(kept) in caught.value.action
    assert store.finished_at(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "temporary"]


def test_full_disk_everywhere(tmp_path: Path, temporary: Path) -> None:
    """When nothing can be written anywhere, what was there is still there, and nothing half-written stays."""
    save(tmp_path / "out", FakeAdapter("old"))
    with pytest.raises(OutputRefused, match="make room and train again"):
        save(tmp_path / "out", FakeAdapter(fails=2))

    assert saved(tmp_path / "out") == "old"
    assert list(temporary.iterdir()) == []


def test_adapter_of_another_process_is_not_replaced(tmp_path: Path) -> None:
    """Two runs claimed the same free place: the second one finds it taken, and keeps its adapter beside it."""
    save(tmp_path / "out", FakeAdapter("first"))
    with pytest.raises(OutputRefused, match=r"a place that is still free.*kept in .*out\.kept-") as caught:
        save(tmp_path / "out", FakeAdapter("second"), overwrite=False)

    assert saved(tmp_path / "out") == "first"
    assert saved(Path(caught.value.action.split()[-3].rstrip(":"))) == "second"


def test_second_save_replaces_the_first(tmp_path: Path) -> None:
    """After a whole save only the new adapter is there."""
    save(tmp_path / "out", FakeAdapter("old"))
    save(tmp_path / "out", FakeAdapter("new"))

    assert saved(tmp_path / "out") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_notes_that_came_in_since_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that somebody put into the folder during the training is not thrown away with the old adapter."""
    save(tmp_path / "out", FakeAdapter("old"))
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    save(tmp_path / "out", FakeAdapter("new"))

    kept = next(path for path in tmp_path.iterdir() if ".replaced-" in path.name)
    assert (kept / "thesis.txt").read_text() == "years of work"
    assert saved(tmp_path / "out") == "new"
    assert str(kept) in capsys.readouterr().out


def test_claim_refuses_a_file(tmp_path: Path) -> None:
    """An output that is a file is refused before training."""
    (tmp_path / "out").touch()

    with pytest.raises(OutputRefused, match="a file"):
        store.claim_output(tmp_path / "out", overwrite=True)


def test_claim_keeps_a_trained_adapter(tmp_path: Path) -> None:
    """A trained adapter is only replaced when told so."""
    save(tmp_path / "out")
    with pytest.raises(OutputRefused, match="--overwrite"):
        store.claim_output(tmp_path / "out", overwrite=False)

    store.claim_output(tmp_path / "out", overwrite=True)


def test_claim_creates_only_the_parent(tmp_path: Path) -> None:
    """Claiming leaves no folder that looks like an adapter."""
    store.claim_output(tmp_path / "a" / "out", overwrite=False)

    assert list((tmp_path / "a").iterdir()) == []


def test_claim_refuses_an_unwritable_parent(tmp_path: Path) -> None:
    """A parent that is a file cannot hold a folder."""
    (tmp_path / "file").touch()

    with pytest.raises(OutputRefused, match="can be written"):
        store.claim_output(tmp_path / "file" / "out", overwrite=False)


@pytest.mark.parametrize("overwrite", [True, False])
def test_folder_with_other_things_is_never_claimed(tmp_path: Path, overwrite: bool) -> None:  # noqa: FBT001
    """Saving replaces the whole folder, so one that holds anything foreign is refused, whatever was asked for."""
    save(tmp_path / "out")
    (tmp_path / "out" / "thesis.txt").write_text("years of work")

    with pytest.raises(OutputRefused, match=r"other things in it \(thesis\.txt\)"):
        store.claim_output(tmp_path / "out", overwrite=overwrite)


def interrupt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave behind what a process leaves that is killed just before it puts its folder in place."""
    with monkeypatch.context() as patch:
        patch.setattr(replacing, "put_in_place", lambda *args, **options: (_ for _ in ()).throw(KeyboardInterrupt))
        patch.setattr(shutil, "rmtree", lambda *args, **options: None)
        with pytest.raises(KeyboardInterrupt):
            save(folder, FakeAdapter("interrupted"), created="2026-02-02")


def test_claim_finishes_an_interrupted_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next run into the same place finds the whole adapter of the killed one, and does not train over it."""
    interrupt(tmp_path / "out", monkeypatch)
    with pytest.raises(OutputRefused, match="--overwrite"):
        store.claim_output(tmp_path / "out", overwrite=False)

    assert saved(tmp_path / "out") == "interrupted"
    assert "the adapter of 2026-02-02 is in place" in capsys.readouterr().err


def status(monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    """Run ``python -m homework.adapter_store FOLDER``."""
    monkeypatch.setattr("sys.argv", ["adapter_store", str(folder)])
    with pytest.raises(SystemExit) as ended:
        store.main()
    return int(str(ended.value.code))


def test_command_says_which_adapter_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole, when, on which base, with which hash."""
    save(tmp_path / "out")

    assert status(monkeypatch, tmp_path / "out") == 0
    assert (
        "out: whole; trained 2026-01-01 on tiny, 4 steps, seed 0; adapter_model.safetensors" in capsys.readouterr().out
    )


def test_command_keeps_what_an_interrupted_save_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole newer one is kept beside the one in place, which stays; half a one is removed."""
    save(tmp_path / "out", FakeAdapter("old"))
    interrupt(tmp_path / "out", monkeypatch)
    (tmp_path / ".out.saving-x" / "new").mkdir(parents=True)

    assert status(monkeypatch, tmp_path / "out") == 0
    assert "2 interrupted save(s) found; the newer adapter of one is kept in" in capsys.readouterr().out
    kept = next(path for path in tmp_path.iterdir() if path.name != "out")
    assert (saved(tmp_path / "out"), saved(kept)) == ("old", "interrupted")
    assert len(list(tmp_path.iterdir())) == 2


def test_recovery_never_touches_what_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter without a manifest, and notes, stay where they are, whatever a killed process left beside them."""
    interrupt(tmp_path / "out", monkeypatch)
    support.as_bin(support.write_adapter(tmp_path / "out", manifest=False))
    (tmp_path / "out" / "notes.txt").write_text("mine")
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    with pytest.raises(OutputRefused, match="other things in it"):
        store.claim_output(tmp_path / "out", overwrite=False)

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before
    assert [saved(path) for path in tmp_path.iterdir() if path.name.startswith("out.kept-")] == ["interrupted"]


def test_command_removes_half_a_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing whole beside it: what is in place stays."""
    save(tmp_path / "out")
    (tmp_path / ".out.saving-x" / "new").mkdir(parents=True)

    assert status(monkeypatch, tmp_path / "out") == 0
    assert "1 interrupted save(s) found; removed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["README.md", "manifest.json"])
def test_files_of_others_may_have_our_names(tmp_path: Path, name: str) -> None:
    """Without an adapter in the folder, a README is somebody's, and so is a web page's manifest."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")

    with pytest.raises(OutputRefused, match="other things in it"):
        store.claim_output(tmp_path / "out", overwrite=True)


def test_claim_refuses_a_mount_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount point cannot be renamed; better to know before the training."""
    monkeypatch.setattr(Path, "is_mount", lambda self: True)

    with pytest.raises(OutputRefused, match="a mount point"):
        store.claim_output(tmp_path / "out", overwrite=False)


def test_claim_refuses_a_name_too_long_to_save_to(tmp_path: Path) -> None:
    """Saving needs a longer name beside the folder than the folder's own."""
    with pytest.raises(OutputRefused, match="File name too long"):
        store.claim_output(tmp_path / ("y" * 245), overwrite=False)


def test_no_room_for_temporary_files_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no place for temporary files, nothing can be kept, and that is said."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))

    with pytest.raises(OutputRefused, match="make room and train again"):
        save(tmp_path / "out", FakeAdapter(fails=1))


def test_log_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A manifest from elsewhere may hold anything where ours holds a log."""
    content = store.read_manifest(support.write_adapter(tmp_path / "out")) | {"log": []}
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(content | {"seal": seal_of(content)}))

    assert status(monkeypatch, tmp_path / "out") == 0
    assert "None steps" in capsys.readouterr().out


def test_command_cannot_vouch_without_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An adapter without a manifest may be anything."""
    support.write_adapter(tmp_path / "out", manifest=False)

    assert status(monkeypatch, tmp_path / "out") == 2
    assert "nobody can say whether it is whole" in capsys.readouterr().out


def test_command_refuses_a_changed_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file is an error, by name; and such a folder was never finished."""
    save(tmp_path / "out")
    faults.corrupt_byte(tmp_path / "out" / WEIGHTS[0])

    assert status(monkeypatch, tmp_path / "out") == 2
    assert store.finished_at(tmp_path / "out") is None
    with pytest.raises(AdapterRefused, match="another one"):
        store._status(str(tmp_path / "out"))


@pytest.mark.no_cover
def test_saved_files_can_be_read_by_others(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """Every file has the mode of an ordinary one; safetensors alone would keep its own to the owner."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1)
    (tmp_path / "ordinary").touch()

    assert {path.stat().st_mode for path in (tmp_path / "out").iterdir()} == {(tmp_path / "ordinary").stat().st_mode}


@pytest.mark.no_cover
def test_every_file_is_known_to_saving(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """What saving writes, saving may replace: the two lists are one."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1)
    written = {path.name for path in (tmp_path / "out").iterdir()}

    assert written <= store.OWN_FILES
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["files"].keys() == written - {MANIFEST}
