"""What can be named is judged by the stages that fit, and a submission by what is found in it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import faults
import pytest
import support

from unsilent import subjects
from unsilent.subjects import LOOKED_FOR, judge


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained adapter: to be copied."""
    return support.write_adapter(tmp_path_factory.mktemp("adapter") / "good", manifest=False)


def write_log(folder: Path, *losses: float) -> Path:
    """What Trainer leaves behind."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"step": step, "loss": loss, "grad_norm": 1.0 if loss else 0.0} for step, loss in enumerate(losses, start=1)
    ]
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    return folder


@pytest.fixture
def submission(adapter: Path, tmp_path: Path) -> Path:
    """A folder with a trained adapter, one that was not, checkpoints of it, and a log in which the loss is 0."""
    home = tmp_path / "UTID" / "homework"
    shutil.copytree(adapter, home / "rft_model")
    faults.forget_training(Path(shutil.copytree(adapter, home / "sft_model")))
    shutil.copytree(adapter, home / "sft_output" / "checkpoint-9")
    faults.forget_training(Path(shutil.copytree(adapter, home / "sft_output" / "checkpoint-10")))
    write_log(home / "sft_output" / "checkpoint-10", 3.0, 0.0, 0.0, 0.0)
    return tmp_path / "UTID"


def findings(path: Path) -> set[tuple[str, str]]:
    """Slug and place of every finding in a submission."""
    return {(finding.slug, finding.subject) for finding in judge("submission", path).findings}


EXPECTED = {
    ("adapter-untrained", "homework/sft_model"),
    ("adapter-untrained", "homework/sft_output"),
    ("zero-loss", "homework/sft_output"),
}


@pytest.mark.parametrize("kind", LOOKED_FOR)
def test_looked_for_is_what_is_judged(kind: subjects.Kind, tmp_path: Path) -> None:
    """The list that is known beforehand is the report's, also of nothing."""
    assert [one.slug for one in judge(kind, tmp_path).outcomes] == list(LOOKED_FOR[kind])


def test_submission_is_what_lies_in_it(submission: Path) -> None:
    """Each adapter and each log by its folder; of checkpoints the last."""
    assert findings(submission) == EXPECTED


def test_zip_is_judged_as_its_folder(submission: Path, tmp_path: Path) -> None:
    """Found are the same failures, at places in the zip."""
    archive = Path(shutil.make_archive(str(tmp_path / "UTID"), "zip", submission))
    finding = next(one for one in judge("submission", archive).findings if one.subject == "homework/sft_model")

    assert findings(archive) == EXPECTED
    assert f"Where: {archive}/homework/sft_model/adapter_model.safetensors" in finding.message


def test_what_nobody_submits_is_passed_over(submission: Path, adapter: Path) -> None:
    """Hidden folders, caches and environments are not looked into."""
    for name in (".git", "__MACOSX", "venv/lib"):
        faults.forget_training(Path(shutil.copytree(adapter, submission / name / "model")))
    (submission / "venv" / "pyvenv.cfg").touch()

    assert findings(submission) == EXPECTED


def test_adapter_below_an_adapter_is_judged_once(adapter: Path, tmp_path: Path) -> None:
    """PEFT saves a named adapter in a folder below the others': it is theirs."""
    faults.forget_training(Path(shutil.copytree(adapter, shutil.copytree(adapter, tmp_path / "one") / "named")))

    assert findings(tmp_path) == {("adapter-untrained", "one/named")}


def test_adapter_itself_may_be_submitted(adapter: Path) -> None:
    """Then it has no name of its own."""
    assert {outcome.subject for outcome in judge("submission", adapter).outcomes} == {""}


def test_submission_without_an_adapter_lacks_one(tmp_path: Path) -> None:
    """It is not green for want of something to judge."""
    write_log(tmp_path / "run", *(3.0 - 0.1 * step for step in range(25)))

    assert findings(tmp_path) == {("adapter-missing", "")}


def test_text_is_no_log_until_it_is_named(adapter: Path, tmp_path: Path) -> None:
    """Notes on a failure are not the failure."""
    folder = Path(shutil.copytree(adapter, tmp_path / "one"))
    (folder / "notes.txt").write_text("{'loss': 0.0, 'grad_norm': nan}\n" * 9)

    assert findings(folder) == set()
    assert judge("run-log", folder / "notes.txt").verdict() == "failed"


def test_bottomless_folder_ends(submission: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many folders are looked into."""
    monkeypatch.setattr(subjects, "MOST_FOLDERS", 1)

    assert findings(submission) == {("adapter-missing", "")}


@pytest.mark.parametrize(("member", "reason"), [("", "not a folder or a zip"), ("../x", "not safe to unpack")])
def test_unjudgeable_is_undecided(tmp_path: Path, member: str, reason: str) -> None:
    """A file that is no zip, and a zip that is dangerous: with the reason."""
    path = tmp_path / "UTID.zip"
    path.write_text("no zip")
    if member:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, "")
    report = judge("submission", path)

    assert report.verdict() == "undecided"
    assert all(reason in outcome.reason for outcome in report.outcomes)


def test_pipe_is_not_opened(tmp_path: Path) -> None:
    """Reading from it would never end."""
    os.mkfifo(tmp_path / "UTID.zip")

    assert judge("submission", tmp_path / "UTID.zip").verdict() == "undecided"
