"""Code, adapters and logs of a submission are judged without running it, and what two of them show is told once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import faults
import pytest
import support

from unsilent import submission
from unsilent.failures import FAILURES
from unsilent.subjects import judge
from unsilent.submission import opened
from unsilent.submission_code import NO_ENTRANCE
from unsilent.submission_stages import LOOKED_FOR, NO_ADAPTER, NOTHING, judge_files, judge_path


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
def handed_in(adapter: Path, tmp_path: Path) -> Path:
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


def test_submission_is_what_lies_in_it(handed_in: Path) -> None:
    """Each adapter and each log by its folder; of checkpoints the last."""
    assert findings(handed_in) == EXPECTED


def test_zip_is_judged_as_its_folder(handed_in: Path, tmp_path: Path) -> None:
    """Found are the same failures, at places in the zip."""
    archive = Path(shutil.make_archive(str(tmp_path / "UTID"), "zip", handed_in))
    finding = next(one for one in judge("submission", archive).findings if one.subject == "homework/sft_model")

    assert findings(archive) == EXPECTED
    assert f"Where: {archive}/homework/sft_model/adapter_model.safetensors" in finding.message


def test_what_nobody_submits_is_passed_over(handed_in: Path, adapter: Path) -> None:
    """Hidden folders, caches and environments are not looked into."""
    for name in (".git", "__MACOSX", "venv/lib"):
        faults.forget_training(Path(shutil.copytree(adapter, handed_in / name / "model")))
    (handed_in / "venv" / "pyvenv.cfg").touch()

    assert findings(handed_in) == EXPECTED


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


@pytest.mark.parametrize(
    ("init", "file", "reason"),
    [
        ("def load_sft(): ...\n", "notes.txt", NO_ADAPTER),
        ("def load_sft(): ...\n", "model.safetensors", "no adapter in it, and other weights"),
    ],
    ids=["code alone", "a whole model"],
)
def test_submission_without_an_adapter_is_judged_by_the_rest(tmp_path: Path, init: str, file: str, reason: str) -> None:
    """Its code may be read before anything is trained; or its weights are of another kind."""
    (tmp_path / "homework").mkdir()
    (tmp_path / "homework" / "__init__.py").write_text(init)
    (tmp_path / "homework" / file).touch()
    dossier, _ = judge_path(tmp_path)

    assert dossier.verdict() == "passed"
    assert reason in {section.reason for section in dossier.sections}


def test_text_is_no_log_until_it_is_named(adapter: Path, tmp_path: Path) -> None:
    """Notes on a failure are not the failure."""
    folder = Path(shutil.copytree(adapter, tmp_path / "one"))
    (folder / "notes.txt").write_text("{'loss': 0.0, 'grad_norm': nan}\n" * 9)

    assert findings(folder) == set()
    assert judge("run-log", folder / "notes.txt").verdict() == "failed"


def test_bottomless_folder_ends(handed_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many folders are looked into."""
    monkeypatch.setattr(submission, "MOST_FOLDERS", 1)

    assert findings(handed_in) == set()


def test_unjudgeable_is_undecided(tmp_path: Path) -> None:
    """With the reason, about every failure."""
    (tmp_path / "UTID.zip").write_text("no zip")
    report = judge("submission", tmp_path / "UTID.zip")

    assert report.verdict() == "undecided"
    assert all("a file that is neither" in outcome.reason for outcome in report.outcomes)


CREATING = """
from peft import LoraConfig, get_peft_model

def load():
    llm = BaseLLM()
    if not os.path.isdir("sft_model"):
        get_peft_model(llm.model, LoraConfig()).save_pretrained("sft_model")
    return llm
"""
FROZEN = """
from peft import LoraConfig, get_peft_model

def load():
    return BaseLLM()

def train_model(output_dir):
    model = get_peft_model(BaseLLM().model, LoraConfig(inference_mode=True))
    Trainer(model=model, args=TrainingArguments(output_dir)).train()
"""


def write_code(folder: Path, code: str) -> None:
    """A package with this in its module sft."""
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text("from .sft import load as load_sft\n")
    (folder / "sft.py").write_text("from transformers import *\nfrom .base_llm import BaseLLM\n" + code)
    (folder / "base_llm.py").write_text("class BaseLLM:\n    model = None\n")


def test_cause_in_the_code_and_sign_in_the_weights_are_one_finding(adapter: Path, tmp_path: Path) -> None:
    """Training with inference_mode=True is the cause, the adapter on disk its sign."""
    write_code(tmp_path / "homework", FROZEN)
    faults.forget_training(Path(shutil.copytree(adapter, tmp_path / "homework" / "sft_model")))
    dossier, code = judge_path(tmp_path)
    (found,) = dossier.findings

    assert (found.slug, found.subject, found.symptoms) == (
        "frozen-adapter",
        "homework/sft_model",
        ("adapter-untrained",),
    )
    assert (found.evidence["file"], found.evidence["line"]) == ("homework/sft.py", 10)
    assert {one.subject for one in code} == {""}


def test_same_failure_in_code_and_weights_has_both_places(adapter: Path, tmp_path: Path) -> None:
    """The adapter was never trained, and the code creates one without training: the finding names the line."""
    write_code(tmp_path / "homework", CREATING)
    faults.forget_training(Path(shutil.copytree(adapter, tmp_path / "homework" / "sft_model")))
    dossier, _ = judge_path(tmp_path)
    (found,) = dossier.findings
    left = next(one for one in dossier.sections[0].report.outcomes if one.slug == found.slug)

    assert (found.slug, found.stage, found.subject) == ("adapter-untrained", "adapter", "homework/sft_model")
    assert str(found.evidence["code"]).startswith("['homework/sft.py:9: get_peft_model(")
    assert "In the code: homework/sft.py:9: " in found.message
    assert left.reason.endswith("and told with adapter of homework/sft_model")


def test_fault_in_the_code_alone_is_told_as_it_is(adapter: Path, tmp_path: Path) -> None:
    """Nothing of the weights shows it."""
    write_code(tmp_path / "homework", FROZEN)
    shutil.copytree(adapter, tmp_path / "homework" / "sft_model")
    write_log(tmp_path / "run", 3.0, 0.0, 0.0, 0.0)
    dossier, _ = judge_path(tmp_path)

    assert [(one.slug, one.subject) for one in dossier.findings] == [("frozen-adapter", ""), ("zero-loss", "run")]


def test_healthy_submission_passes(adapter: Path, tmp_path: Path) -> None:
    """Code, adapter and log each have their stage; curves and norms come along."""
    write_code(tmp_path / "homework", "")
    shutil.copytree(adapter, tmp_path / "homework" / "sft_model")
    write_log(tmp_path / "homework" / "sft_output", *(3.0 - 0.1 * step for step in range(25)))
    dossier, _ = judge_path(tmp_path)

    assert dossier.verdict() == "passed"
    assert [(one.stage, one.part) for one in dossier.sections] == [
        ("submission", ""), ("adapter", "homework/sft_model"), ("runs", "homework/sft_output"),
    ]  # fmt: skip
    assert [curve.part for curve in dossier.curves] == ["homework/sft_output"]
    assert [norm.part for norm in dossier.norms] == ["homework/sft_model"]


def test_adapter_without_code_is_judged_all_the_same(adapter: Path) -> None:
    """Said is that there was no code to read."""
    dossier, _ = judge_path(adapter)

    assert dossier.verdict() == "passed"
    assert dossier.sections[0].reason == "no Python file in it"


def test_code_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A file with a syntax error, beside one without."""
    write_code(tmp_path / "homework", "")
    (tmp_path / "homework" / "bad.py").write_text("def f(:")
    dossier, _ = judge_path(tmp_path)

    assert dossier.notes == ("1 file of code was not read: homework/bad.py: syntax error in line 1: invalid syntax",)


def test_imported_code_that_cannot_be_read_is_undecided(adapter: Path, tmp_path: Path) -> None:
    """However good the adapter is."""
    write_code(tmp_path / "homework", "from . import fast\n")
    shutil.copytree(adapter, tmp_path / "homework" / "sft_model")
    (tmp_path / "homework" / "fast.pyc").touch()
    dossier, _ = judge_path(tmp_path)

    assert dossier.verdict() == "undecided"
    assert "homework/fast.pyc was not read: bytecode without its source" in {one.reason for one in dossier.outcomes}


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("notes.txt", "", NOTHING),
        (
            "homework/__init__.py",
            "def f(:",
            "homework/__init__.py was not read: syntax error in line 1: invalid syntax",
        ),
        ("tools.py", "x = 1", NO_ENTRANCE),
    ],
    ids=["nothing", "no Python", "no entrance"],
)
def test_nothing_to_judge_is_undecided(tmp_path: Path, file: str, text: str, reason: str) -> None:
    """With the true reason, and no finding."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    dossier, _ = judge_path(tmp_path)

    assert (dossier.verdict(), dossier.findings) == ("undecided", [])
    assert any(
        one.startswith(reason) for one in [dossier.sections[0].reason, *(one.reason for one in dossier.outcomes)]
    )


def test_base_is_asked_for(adapter: Path, tmp_path: Path) -> None:
    """Every shape is held against the base's configuration; a folder without one is said."""
    write_code(tmp_path / "homework", "")
    shutil.copytree(adapter, tmp_path / "homework" / "sft_model")
    with opened(tmp_path) as handed_in:
        dossier, _ = judge_files(handed_in, base=tmp_path)

    assert dossier.verdict() == "undecided"
    assert f"no config.json in the base {tmp_path}" in {one.reason for one in dossier.outcomes}


def test_stages_are_rows_of_the_catalogue() -> None:
    """What is looked for at a stage can be found there."""
    assert all(stage in FAILURES[slug].stages for slug, stage in LOOKED_FOR.items())


@pytest.mark.parametrize(
    ("name", "target"),
    [("trainer_state.json", "/proc/kmsg"), ("adapter_config.json", "mine.json"), ("checkpoint-7", "mine")],
    ids=["log", "adapter", "folder"],
)
def test_link_that_leads_out_is_not_followed(tmp_path: Path, name: str, target: str) -> None:
    """What lies there may be the reader's own, or never end; the section says so and is undecided."""
    home = tmp_path / "UTID" / "homework"
    write_code(home.parent, "")
    write_code(home, "")
    write_log(tmp_path / "mine", 3.0, 0.0, 0.0, 0.0)
    (home / "out").mkdir()
    (home / "out" / name).symlink_to(tmp_path / target)
    if name.startswith("checkpoint"):
        (home / "out" / "trainer_state.json").write_text("{}")
    dossier, _ = judge_path(tmp_path / "UTID")

    assert (dossier.verdict(), dossier.findings) == ("undecided", [])
    assert f"homework/out/{name} is a link that leads out of what was handed in" in {
        section.reason for section in dossier.sections
    }
