"""How a command ends: every form that was asked for is written, and the status is the verdict's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import dossiers
import pytest
import typer

from unsilent.delivery import LONGEST_SUMMARY, deliver
from unsilent.dossier import Dossier


def end(dossier: Dossier, **options: object) -> int:
    """The exit status."""
    with pytest.raises(typer.Exit) as ended:
        deliver(dossier, **{"as_json": False, "strict": False, **options})  # type: ignore[arg-type] # as the program does
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("dossier", "status"), [(dossiers.green(), 0), (dossiers.red(), 1), (Dossier("x", ()), 2)], ids=["0", "1", "2"]
)
def test_status_is_the_verdicts(dossier: Dossier, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    """And the verdict is the first thing printed."""
    assert end(dossier) == status
    assert capsys.readouterr().out.splitlines()[0].endswith(("passed", "failed", "undecided"))


def test_every_form_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Page and XML to their files, whatever stood there."""
    page, cases = tmp_path / "report.html", tmp_path / "junit.xml"
    page.write_text("older")

    assert end(dossiers.red(), html=page, junit=cases) == 1
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert cases.read_text(encoding="utf-8").startswith("<?xml")
    assert capsys.readouterr().err == ""


def test_github_gets_summary_and_annotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary behind what other steps wrote; the annotations below the report."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    assert end(dossiers.red(), github=True) == 1
    assert summary.read_text(encoding="utf-8").startswith("before\n## ❌ homework: failed")
    assert capsys.readouterr().out.splitlines()[-1].startswith("::error title=honesty of rft")


def test_json_stays_alone_on_stdout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Annotations go to stderr, which GitHub reads as well; without a summary's file there is none."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    assert end(dossiers.red(), as_json=True, github=True) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["verdict"] == "failed"
    assert printed.err.startswith("::error title=nan-grad-norm")


def test_nothing_to_annotate_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even an empty line."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    end(dossiers.green(), as_json=True, github=True)

    assert capsys.readouterr().err == ""


def test_long_summary_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub shows nothing of one that is too long."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    end(Dossier("x", (), notes=("é" * LONGEST_SUMMARY,)), github=True)

    assert (tmp_path / "summary.md").stat().st_size in (LONGEST_SUMMARY - 1, LONGEST_SUMMARY)


def test_file_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, in words, with the report printed all the same and the other file written."""
    assert end(dossiers.green(), html=tmp_path, junit=tmp_path / "junit.xml") == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("homework: passed\n")
    assert f"error: Expected a file that can be written, but got Is a directory. Where: {tmp_path}." in printed.err
    assert (tmp_path / "junit.xml").is_file()


def test_pipe_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody reads it, and opening it would never end; status 2, in words."""
    os.mkfifo(tmp_path / "pipe")

    assert end(dossiers.green(), junit=tmp_path / "pipe") == 2
    assert "but got something that is no plain file. Where: " in capsys.readouterr().err
