"""The command judges, writes what was asked for, and ends with 0, 1 or 2, never with a traceback."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import faults
import pytest
import small_submissions as small
import support

from unsilent import cli, submission_answers, submission_run
from unsilent.grading import Grade

TRAINS_AND_SAVES = """
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Trainer
base = AutoModelForCausalLM.from_pretrained("base")
model = get_peft_model(base, LoraConfig(inference_mode=True))
Trainer(model).train()
model.save_pretrained("out")
"""
FAULTY = """class BaseLLM:
    def parse_answer(self, text):
        try:
            return float(text)
        except ValueError:
            return 0.0
"""


def check(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command in this process."""
    monkeypatch.setattr(sys, "argv", ["unsilent", "check", "submission", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    """A package with a trained adapter and code without a fault."""
    folder = tmp_path / "UTID" / "homework"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("def load_sft():\n    return None\n")
    support.write_adapter(folder / "sft_model", manifest=False)
    return tmp_path / "UTID"


def test_healthy_submission_ends_with_0(
    handed_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict first, each stage on its line."""
    assert check(monkeypatch, handed_in) == 0

    printed = capsys.readouterr().out
    assert printed.startswith(f"{handed_in}: passed\n")
    assert "adapter of homework/sft_model passed" in printed


def test_finding_ends_with_1_and_is_written_as_sarif(
    handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At file and line, relative to what was handed in, also from a zip."""
    (handed_in / "homework" / "base_llm.py").write_text(FAULTY)
    archive = shutil.make_archive(str(tmp_path / "UTID"), "zip", handed_in)

    assert check(monkeypatch, archive, "--sarif", tmp_path / "code.sarif", "--json") == 1
    content = json.loads(capsys.readouterr().out)
    found, *_ = json.loads((tmp_path / "code.sarif").read_text())["runs"][0]["results"]
    place = found["locations"][0]["physicalLocation"]
    assert content["verdict"] == "failed"
    assert found["ruleId"] == "answer-rate-inflated"
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("homework/base_llm.py", 6)


@pytest.mark.parametrize("name", ["none", "text.zip", "."])
def test_what_cannot_be_opened_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Also as JSON, with the reason; so does a folder without anything."""
    (tmp_path / "text.zip").write_text("no zip")
    status = check(monkeypatch, tmp_path / name, "--json")

    content = json.loads(capsys.readouterr().out)
    assert (status, content["verdict"]) == (2, "undecided")
    assert {one["status"] for one in content["outcomes"]} == {"skipped"}


def test_empty_name_is_wrong_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a variable that nobody has set, and not this folder."""
    assert check(monkeypatch, "") == 2
    assert "Expected a folder, or a zip of one, but got an empty name" in capsys.readouterr().err


def test_sarif_that_cannot_be_written_is_said(
    handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict is printed all the same."""
    assert check(monkeypatch, handed_in, "--sarif", tmp_path / "none" / "code.sarif") == 2
    assert "Expected a file that can be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("UTID.zip", "submission could not be judged: Expected a folder"),
        ("sft.py", "sft.py was not read: syntax error"),
    ],
)
def test_sarif_says_what_could_not_be_judged(
    handed_in: Path, monkeypatch: pytest.MonkeyPatch, file: str, reason: str
) -> None:
    """A zip that is refused and code that does not parse are no clean runs."""
    (handed_in / "homework" / file).write_text("no zip, and no Python")
    subject = handed_in / "homework" / file if file.endswith(".zip") else handed_in
    assert check(monkeypatch, subject, "--sarif", handed_in / "code.sarif") == 2
    (invocation,) = json.loads((handed_in / "code.sarif").read_text())["runs"][0]["invocations"]

    assert not invocation["executionSuccessful"]
    assert reason in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_sarif_has_what_weights_show(handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place, for it stands in no line."""
    faults.forget_training(handed_in / "homework" / "sft_model")
    assert check(monkeypatch, handed_in, "--sarif", tmp_path / "code.sarif") == 1
    (result,) = json.loads((tmp_path / "code.sarif").read_text())["runs"][0]["results"]

    assert (result["ruleId"], result.get("locations")) == ("adapter-untrained", None)


def test_name_that_is_no_utf8_can_be_written(handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every file that may be asked for."""
    name = os.fsdecode(b"homework/b\xff.py")
    (handed_in / name).write_text(TRAINS_AND_SAVES)
    page, log = tmp_path / "page.html", tmp_path / "code.sarif"

    assert check(monkeypatch, handed_in, "--sarif", log, "--html", page, "--junit", tmp_path / "x.xml") == 1
    assert log.is_file()
    assert page.is_file()


def test_run_is_told_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr; the options reach what is run, and its sections the report."""
    monkeypatch.setattr(submission_run, "PRELOADED", ())
    monkeypatch.setattr(submission_answers, "find_bases", lambda named: [])
    package = small.write_small(tmp_path / "UTID", small.HONEST)
    support.write_adapter(package / "rft_model", manifest=False)
    status = check(monkeypatch, tmp_path / "UTID", "--run", "--data", package / "known.json", "--rows", "30", "--json")

    printed = capsys.readouterr()
    content = json.loads(printed.out)
    assert status == 1  # of one adapter the configuration is missing
    assert "submission: sft: run as it is" in printed.err
    assert f"asked: 30 rows of {package / 'known.json'}" in content["notes"]
    assert [one["part"] for one in content["sections"] if one["stage"] == "honesty"] == ["sft"]


def test_options_say_what_is_run_and_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which package, and whether it sees the rows."""
    asked: list[tuple[str, bool]] = []

    def ask(self: submission_run.Runner, *_: object) -> Grade:
        asked.append((self.package.name, "data/rows.json" in self.beside))
        return Grade(error="no")

    monkeypatch.setattr(submission_run.Runner, "ask", ask)
    small.write_small(tmp_path / "UTID", small.HONEST).rename(tmp_path / "UTID" / "one")
    small.write_small(tmp_path / "UTID", small.HONEST)
    rows = (tmp_path / "UTID" / "one" / "known.json").rename(tmp_path / "rows.json")
    for options in ((), ("--hidden", "--package", "one")):
        check(monkeypatch, tmp_path / "UTID", "--run", "--data", rows, *options)

    assert set(asked) == {("homework", True), ("one", False)}
    capsys.readouterr()
