"""The folder of an unfinished run: claimed by one process, never lost without a word, gone on with as the same run."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import filelock
import pytest

from homework.errors import OutputRefused, RunRefused, TrainingFailed
from homework.saved_steps import SavedStep, seal_step
from homework.unfinished import UnfinishedRun, claim_run, is_begun, unfinished_beside
from unsilent.outcome import FailureFound, failed

IDENTITY = {"seed": 1, "precision": "fp32"}
VERSIONS = {"versions": {"torch": "2.13.0"}}


class Killed(BaseException):
    """The end of a process; no exception that anybody handles."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the adapter will be."""
    return tmp_path / "out"


def begin(out: Path, step: int = 0, *, resume: bool = False, overwrite: bool = False, **changes: Any) -> UnfinishedRun:  # noqa: ANN401
    """Begin a run, save a step, and end as a kill does."""
    with contextlib.suppress(Killed), claim_run(out, resume=resume, overwrite=overwrite) as run:
        run.begin(IDENTITY | changes, VERSIONS)
        if step:
            save(run.folder, step)
        raise Killed
    return run


def ended_by(error: Exception, out: Path) -> None:
    """Begin a run that an error ends."""
    with contextlib.suppress(type(error)), claim_run(out, resume=False, overwrite=False) as run:
        run.begin(IDENTITY, VERSIONS)
        raise error


def save(folder: Path, step: int) -> Path:
    """Write a checkpoint."""
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir()
    (checkpoint / "optimizer.pt").write_bytes(b"moments")
    seal_step(SavedStep(checkpoint, step, 100, 0.5, step))
    return checkpoint


def refused(match: str, out: Path, **options: Any) -> str:  # noqa: ANN401
    """What is said when a run is refused; the folder is as it was."""
    folder = unfinished_beside(out)
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    with pytest.raises(RunRefused, match=match) as error:
        begin(out, **options)
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before
    return str(error.value)


def test_run_says_what_it_is_before_its_first_step(out: Path) -> None:
    """A killed one leaves its identity beside the output, which itself is not touched."""
    folder = begin(out).folder

    assert folder == out.with_name("out.unfinished")
    assert json.loads((folder / "run.json").read_text())["identity"] == IDENTITY
    assert is_begun(out)
    assert not out.exists()


def test_finished_run_leaves_nothing(out: Path) -> None:
    """The adapter has been saved elsewhere."""
    with claim_run(out, resume=False, overwrite=False) as run:
        run.begin(IDENTITY, VERSIONS)
        save(run.folder, 5)
        (run.folder / ".run.json.123.new").touch()

    assert list(out.parent.iterdir()) == []
    assert not is_begun(out)


def test_what_somebody_put_there_stays(out: Path) -> None:
    """Only what the run has written is removed."""
    with claim_run(out, resume=False, overwrite=False) as run:
        run.begin(IDENTITY, VERSIONS)
        (run.folder / "note.txt").touch()

    assert [path.name for path in unfinished_beside(out).iterdir()] == ["note.txt"]


def test_failed_run_is_not_kept(out: Path) -> None:
    """It would fail again."""
    ended_by(TrainingFailed(expected="a", got="b", where="c", action="d"), out)

    assert list(out.parent.iterdir()) == []


def test_unfinished_run_is_not_lost(out: Path) -> None:
    """The message says how far it got, and both ways on."""
    begin(out, 50)
    said = refused("one that stands at step 50 of 100", out)

    assert "add --resume to go on with it, or --overwrite to begin anew" in said


def test_run_without_a_checkpoint_is_no_loss(out: Path) -> None:
    """A new one takes its place, unasked."""
    begin(out)
    run = begin(out, 5, seed=2)

    assert run.saved is None
    assert json.loads((run.folder / "run.json").read_text())["identity"]["seed"] == 2


def test_overwrite_begins_anew(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The old run is kept until the new one begins, and that is said."""
    old = begin(out, 50).folder / "checkpoint-50"
    with claim_run(out, resume=False, overwrite=True):
        pass
    there = old.exists()
    begin(out, overwrite=True, seed=2)

    assert (there, old.exists()) == (True, False)
    assert "stands at step 50 of 100: it goes when this run begins" in capsys.readouterr().out


def test_same_run_goes_on(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From its newest checkpoint; when it did so is written down each time, and what it once was stays."""
    begin(out, 50)
    first = begin(out, 70, resume=True)
    second = begin(out, resume=True, overwrite=True)
    content = json.loads((second.folder / "run.json").read_text())

    assert (first.saved and first.saved.step, second.saved and second.saved.step) == (50, 70)
    assert [entry["step"] for entry in second.resumed] == [50, 70]
    assert content["resumed"] == second.resumed
    assert "resume:      from step 70 of 100" in capsys.readouterr().out


def test_other_run_does_not_go_on(out: Path) -> None:
    """[resume-mismatch] Each difference is named; nothing is changed."""
    begin(out, 50)
    said = refused(r"another one \[resume-mismatch\]", out, resume=True, seed=2, precision="bf16")

    assert "seed 2 instead of 1, precision bf16 instead of fp32" in said
    assert "begin anew with --overwrite" in said


def test_other_versions_are_said(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no other run."""
    begin(out, 50)
    monkeypatch.setitem(VERSIONS, "versions", {"torch": "2.14.0"})
    begin(out, resume=True)

    assert "note:        torch 2.14.0 instead of 2.13.0: the last bits" in capsys.readouterr().out


OTHER = FailureFound(failed("resume-mismatch", "wiring", "Expected the same run, but got another.", {"step": 50}))
SPOILT = FailureFound(failed("nan-grad-norm", "guard", "Expected a norm, but got NaN.", {"norm": "nan"}, step=51))


def stopped_at(step: int, stop: FailureFound, out: Path, *, resume: bool) -> None:
    """Begin a run, or go on with it, and have a check stop it."""
    with claim_run(out, resume=resume, overwrite=False) as run:
        run.begin(IDENTITY, VERSIONS)
        run.refuse_at(step, stop)
        raise stop


@pytest.mark.parametrize(("stop", "step"), [(OTHER, 0), (OTHER, 50), (SPOILT, 50)])
def test_resume_that_a_check_stops_is_refused(out: Path, stop: FailureFound, step: int) -> None:
    """It has taken no step: the run is kept as it was, and does not say that it went on."""
    begin(out, 50)
    before = {path: path.read_bytes() for path in unfinished_beside(out).rglob("*") if path.is_file()}
    said = rf"from step 50 of 100, but got one that a check stops there \[{stop.failure.slug}"
    with pytest.raises(RunRefused, match=said):
        stopped_at(step, stop, out, resume=True)

    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(("resume", "step"), [(True, 51), (False, 0)], ids=["after a step", "of a new run"])
def test_run_that_a_check_stops_is_over(out: Path, resume: bool, step: int) -> None:  # noqa: FBT001
    """Going on would end there again."""
    if resume:
        begin(out, 50)
    with pytest.raises(FailureFound):
        stopped_at(step, SPOILT, out, resume=resume)

    assert not unfinished_beside(out).exists()


def test_file_in_the_place_of_a_checkpoint_is_passed_over(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes as a torn checkpoint does."""
    begin(out, 50)
    (unfinished_beside(out) / "checkpoint-60").write_text("x")
    run = begin(out, resume=True)

    assert run.saved
    assert (run.saved.step, (run.folder / "checkpoint-60").exists()) == (50, False)
    assert "checkpoint-60 is passed over: it cannot be read (NotADirectoryError)" in capsys.readouterr().out


def test_torn_checkpoint_is_passed_over(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason; it goes, since nothing in it could be used."""
    begin(out, 50)
    torn = save(unfinished_beside(out), 60)
    (torn / "optimizer.pt").write_bytes(b"mom")
    run = begin(out, resume=True)

    assert run.saved
    assert (run.saved.step, torn.exists()) == (50, False)
    assert "checkpoint-60 is passed over: optimizer.pt is not as it was written" in capsys.readouterr().out


def test_run_without_a_whole_checkpoint_begins_at_its_start(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That is said; it still has to be the same run."""
    begin(out)
    refused("resume-mismatch", out, resume=True, seed=2)
    run = begin(out, resume=True)

    assert (run.saved, run.resumed[0]["step"]) == (None, 0)
    assert "resume:      no whole checkpoint: from step 0" in capsys.readouterr().out


def test_run_killed_before_it_said_what_it_was(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of it is there to be mixed up: it begins."""
    folder = begin(out).folder
    (folder / "run.json").rename(folder / ".run.json.77.new")
    run = begin(out, resume=True)

    assert (run.saved, run.resumed) == (None, [])
    assert "resume:      nothing was kept: beginning at step 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "got"),
    [("{", "one that cannot be read"), ("[]", "one that lacks fields"), ('{"schema_version": 2}', "one that lacks")],
    ids=["cut", "a list", "another schema"],
)
def test_unreadable_run_is_refused(out: Path, content: str, got: str) -> None:
    """Nobody can say which run it is."""
    (begin(out, 50).folder / "run.json").write_text(content)

    refused(f"but got {got}", out, resume=True)


def test_there_must_be_a_run_to_go_on_with(out: Path) -> None:
    """The message says what was looked for; beside a trained adapter, that the run is finished."""
    refused(r"an unfinished run to go on with, but got none\. Where: .*out\.unfinished", out, resume=True)
    out.mkdir()
    (out / "adapter_model.safetensors").touch()

    refused("a trained adapter is there: that run is finished", out, resume=True)


def test_two_processes_do_not_share_a_run(out: Path) -> None:
    """The second is refused, whatever it was asked to do, until the first has ended."""
    with claim_run(out, resume=False, overwrite=False) as run:
        run.begin(IDENTITY, VERSIONS)
        for options in ({}, {"resume": True}, {"overwrite": True}):
            refused("no other process at this output, but got one that is training", out, **options)

    assert not unfinished_beside(out).exists()


def test_two_processes_do_not_begin_the_same_run(out: Path) -> None:
    """Both have found the place free; the later one does not get it."""
    with claim_run(out, resume=False, overwrite=False) as later:
        begin(out)
        with pytest.raises(RunRefused, match="no other process"):
            later.begin(IDENTITY, VERSIONS)

    assert is_begun(out)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("", "a file"), ("mine", "mine"), ("checkpoint-5", "checkpoint-5, and run.json is missing")],
    ids=["file", "other folder", "checkpoints of somebody"],
)
def test_something_else_is_not_touched(out: Path, kind: str, said: str) -> None:
    """Also not with --overwrite."""
    folder = unfinished_beside(out)
    if kind:
        (folder / kind).mkdir(parents=True)
    else:
        folder.touch()

    refused(rf"but got something else \({said}\)", out, overwrite=True)
    assert folder.exists()


def test_link_that_leads_nowhere_is_in_the_way(out: Path) -> None:
    """No process is training there."""
    unfinished_beside(out).symlink_to(out / "nowhere")

    refused(r"something else \(a link that leads nowhere\)", out)
    assert unfinished_beside(out).is_symlink()


@pytest.mark.parametrize(("identity", "lost"), [({}, "seed, precision"), ({"seed": 1}, "precision")])
def test_torn_identity_is_refused(out: Path, identity: dict[str, object], lost: str) -> None:
    """What is not there has not been changed."""
    path = begin(out, 50).folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"identity": identity}))

    refused(f"says which run this is, but got one that lacks fields: {lost}\\.", out, resume=True)


def test_folder_that_cannot_be_locked_is_refused(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that can only be read."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    begin(out, 50)
    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    refused("can be written, but got Permission denied", out, resume=True)


def test_full_disk_is_said_before_training(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been trained yet."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("homework.unfinished.replace_file", refuse)
    with pytest.raises(OutputRefused, match="room and permission for what is kept of the run, but got No space left"):
        begin(out)


def test_process_that_does_not_lead_follows(out: Path) -> None:
    """It neither refuses, nor locks, nor writes; it finds what the leading one goes on from."""
    begin(out, 50)
    with claim_run(out, resume=True, overwrite=False, leads=False) as run:
        run.begin(IDENTITY | {"seed": 3}, VERSIONS)
        nothing = run.saved
        run.follow()

    assert (nothing, run.saved and run.saved.step) == (None, 50)
    assert is_begun(out)


def test_process_that_begins_has_nothing_to_follow(out: Path) -> None:
    """What lies there is another run's, which the leading one is about to remove."""
    begin(out, 50)
    with claim_run(out, resume=False, overwrite=True, leads=False) as run:
        run.follow()

    assert run.saved is None
