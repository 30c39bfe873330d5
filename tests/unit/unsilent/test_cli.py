"""The program explains, in words or JSON, and never claims to have judged what it cannot."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import faults
import pytest
import support

from unsilent import cli
from unsilent.failures import FAILURES

ROOT = Path(__file__).parents[3]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run ``unsilent`` in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["unsilent", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_failures_lists_every_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every slug, in lines of at most 90 characters, and how many have a check."""
    assert run(monkeypatch, "failures") == 0

    printed = capsys.readouterr().out
    assert all(slug in printed for slug in FAILURES)
    assert max(map(len, printed.splitlines())) <= 90
    assert f"{len(FAILURES)} failures" in printed


def test_failures_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One object, nothing else."""
    assert run(monkeypatch, "failures", "--json") == 0

    content = json.loads(capsys.readouterr().out)
    assert [row["slug"] for row in content["failures"]] == list(FAILURES)


@pytest.mark.parametrize("slug", FAILURES)
def test_every_slug_has_a_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], slug: str) -> None:
    """Symptom, cause, cure, source and the next command are printed."""
    assert run(monkeypatch, "explain", slug) == 0

    printed = " ".join(capsys.readouterr().out.split())
    for text in (FAILURES[slug].symptom, FAILURES[slug].cure, FAILURES[slug].next_command):
        assert " ".join(text.split()) in printed


def test_explain_a_slug_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The page as an object."""
    assert run(monkeypatch, "explain", "lr-zero", "--json") == 0
    assert json.loads(capsys.readouterr().out)["failure"]["slug"] == "lr-zero"


def test_explain_a_symptom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The reports' line leads to its cause, with the next command."""
    assert run(monkeypatch, "explain", "loss 0.0 grad_norm nan") == 0

    printed = capsys.readouterr().out
    assert "seen: grad_norm nan, loss zero" in printed
    assert printed.splitlines()[2].startswith("1. nan-grad-norm")
    assert "next: TrainingGuard().attach(trainer)" in printed


def test_explain_a_symptom_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Signs and ordered causes, machine-readable; words need no quotes."""
    assert run(monkeypatch, "explain", "--json", "loss", "0.0", "grad_norm", "nan") == 0

    content = json.loads(capsys.readouterr().out)
    assert content["signs"] == ["grad_norm nan", "loss zero"]
    assert content["causes"][0]["failure"] == "nan-grad-norm"


def test_explain_reads_a_pasted_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """'-' takes the text from stdin."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("{'loss': '0', 'grad_norm': '0'}\n" * 5))

    assert run(monkeypatch, "explain", "-") == 0
    assert "1. labels-all-masked" in capsys.readouterr().out


def test_symptom_may_begin_with_a_minus(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """'-100 labels' is a symptom, not an option."""
    assert run(monkeypatch, "explain", "-100 labels, all masked") == 0
    assert "labels-all-masked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hint"), [("frozn-adaptr", "Did you mean frozen-adapter"), ("good morning", "see unsilent failures")]
)
def test_unknown_words_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, hint: str
) -> None:
    """Nothing recognised is status 2 with a hint, not a guess."""
    assert run(monkeypatch, "explain", words) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert hint in printed.err


def test_check_adapter_prints_the_verdict_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trained adapter ends with 0; what could not be judged is listed with its reason."""
    support.write_adapter(tmp_path / "a", manifest=False)

    assert run(monkeypatch, "check", "adapter", str(tmp_path / "a")) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{tmp_path / 'a'}: passed\n")
    assert "skipped: adapter-overwritten (no manifest.json beside the adapter" in printed


def test_what_was_noticed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A README edited since training is no finding, and is mentioned."""
    support.write_adapter(tmp_path / "a")
    (tmp_path / "a" / "README.md").write_text("my notes")

    assert run(monkeypatch, "check", "adapter", str(tmp_path / "a")) == 0
    assert "noticed: changed since training, beside the adapter itself: README.md" in capsys.readouterr().out


def test_any_stream_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls the program from Python may catch what it prints in a stream of their own."""
    caught = io.StringIO()
    monkeypatch.setattr(sys, "stdout", caught)

    assert run(monkeypatch, "explain", "lr-zero") == 0
    assert "lr-zero" in caught.getvalue()


def test_names_beyond_the_screens_encoding(tmp_path: Path) -> None:
    """A folder whose name the terminal cannot show is judged like any other."""
    support.write_adapter(tmp_path / "ünï", manifest=False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "unsilent", "check", "adapter", str(tmp_path / "ünï")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert "passed" in done.stdout


def test_check_adapter_with_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The root cause comes first, with its symptoms in brackets; exit status 1."""
    support.write_adapter(tmp_path / "a")
    faults.forget_training(tmp_path / "a")

    assert run(monkeypatch, "check", "adapter", str(tmp_path / "a")) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "[error] adapter-overwritten (also: adapter-untrained): Expected the files that training wrote" in printed


@pytest.mark.parametrize(("names", "status"), [(["a", "none"], 2), (["none", "fresh", "a"], 1), (["a", "a"], 0)])
def test_check_adapter_takes_several(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    names: list[str],
    status: int,
) -> None:
    """The worst status counts, a finding before what could not be judged; JSON stays one object."""
    support.write_adapter(tmp_path / "a")
    faults.forget_training(support.write_adapter(tmp_path / "fresh"))

    assert run(monkeypatch, "check", "adapter", *(str(tmp_path / name) for name in names)) == status
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith(str(tmp_path))]) == len(names)
    assert run(monkeypatch, "check", "adapter", "--json", *(str(tmp_path / name) for name in names)) == status
    sections = json.loads(capsys.readouterr().out)["sections"]
    assert [section["subject"] for section in sections] == [str(tmp_path / name) for name in names]


def test_check_adapter_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One adapter is one object of the contract's form."""
    support.write_adapter(tmp_path / "a")

    assert run(monkeypatch, "check", "adapter", "--json", str(tmp_path / "a")) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["verdict"], len(content["outcomes"])) == ("passed", 15)
    assert (content["cards"][0]["rank"], content["cards"][0]["trained"]) == (4, True)


def test_program_runs_in_a_strangers_project(tmp_path: Path) -> None:
    """``python -m unsilent`` never imports a package called homework, not even one in the current directory."""
    (tmp_path / "homework").mkdir()
    (tmp_path / "homework" / "__init__.py").write_text("raise SystemExit('imported the stranger')")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "unsilent", "explain", "lr-zero"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert "lr-zero" in done.stdout


@pytest.mark.parametrize("option", ["--html", "--junit"])
def test_each_check_writes_what_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """Beside the report on the screen, or beside the JSON."""
    support.write_adapter(tmp_path / "a")
    (tmp_path / "rows.json").write_text("[]")
    (tmp_path / "log").write_text("{'loss': 0.0, 'grad_norm': nan}\n" * 3)
    for name, status in (("adapter a", 0), ("run log", 1), ("run log log", 1), ("data rows.json", 1)):
        command, *paths = name.split()
        written = tmp_path / name
        arguments = [*(str(tmp_path / path) for path in paths), option, str(written), "--json"]

        assert run(monkeypatch, "check", command, *arguments) == status
        assert json.loads(capsys.readouterr().out)["verdict"] == ("failed" if status else "passed")
        assert written.read_text(encoding="utf-8").startswith("<")


def test_page_of_runs_has_their_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each under its name, with the step at which its finding begins."""
    logs = [tmp_path / name for name in ("one", "two")]
    for log in logs:
        log.write_text("{'loss': 4.9, 'grad_norm': 1.0}\n" + "{'loss': 0.0, 'grad_norm': nan}\n" * 3)
    run(monkeypatch, "check", "run", *map(str, logs), "--html", str(tmp_path / "page"))
    page = (tmp_path / "page").read_text(encoding="utf-8")

    assert [page.count(f"<h3>{log}</h3>") for log in logs] == [1, 1]
    assert page.count(">step 2</span>") == 2


def test_github_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command for the runner stands below the report."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "log").write_text("{'loss': 0.0, 'grad_norm': nan}\n" * 3)

    assert run(monkeypatch, "check", "run", str(tmp_path / "log"), "--github") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("::error title=nan-grad-norm::Expected")


def test_check_run_says_what_it_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A healthy log ends with 0 and names file, form and steps; a finding with 1; nothing to judge with 2."""
    (tmp_path / "good").write_text("step 1 loss 2.0\nstep 2 loss 1.9\n")
    (tmp_path / "bad").write_text("{'loss': 0.0, 'grad_norm': nan}\n" * 3)

    assert run(monkeypatch, "check", "run", str(tmp_path / "good")) == 0
    assert "good (console output), 2 records, steps 1 to 2" in " ".join(capsys.readouterr().out.split())
    assert run(monkeypatch, "check", "run", str(tmp_path / "bad"), str(tmp_path / "none")) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "[error] nan-grad-norm (also: zero-loss): Expected a finite grad_norm and loss, but got" in said
    assert "what fits is nan-grad-norm (" in said
    assert run(monkeypatch, "check", "run", "--json", str(tmp_path / "none")) == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "undecided"


def test_stdout_without_a_descriptor_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, which has none to exchange."""

    def no_descriptor(_: int) -> int:
        raise OSError

    monkeypatch.setattr(os, "dup", no_descriptor)
    with cli._own_stdout():
        seen = sys.stdout is sys.stderr

    assert seen
