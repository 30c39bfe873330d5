"""``unsilent gate``: verdict and status; whether an older verdict still holds; clear words for wrong use."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import gated
import pytest
import support

from unsilent import cli
from unsilent.manifest import write_manifest
from unsilent.outcome import failed


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run ``unsilent gate`` in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["unsilent", "gate", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A subject in the current folder, whose child processes are canned."""
    gated.can(monkeypatch, gated.grade_of())
    monkeypatch.chdir(tmp_path)
    return gated.write_subject(tmp_path).subject


def test_gate_passes(subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0; the verdict first, and what it does meanwhile on stderr."""
    assert run(monkeypatch) == 0

    printed = capsys.readouterr()
    assert printed.out.startswith("homework: passed\n")
    assert "attested in homework/attestation.json" in printed.out
    assert "gate: adapter sft      passed" in printed.err


def test_bound_can_be_typed(subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, with the bound and the share."""
    gated.can(monkeypatch, gated.grade_of(right=70))

    assert run(monkeypatch, "--bound", "accuracy=0.8") == 1
    assert "Expected accuracy above 0.8, but got 0.700" in " ".join(capsys.readouterr().out.split())


def test_json_alone_is_on_stdout(
    subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object, with the contract's keys and the bounds."""
    assert run(monkeypatch, "--json", "--rows", "all", "--honesty", "all") == 0

    content = json.loads(capsys.readouterr().out)
    assert (content["schema_version"], content["subject"], content["verdict"]) == (1, "homework", "passed")
    assert {one["name"] for one in content["bounds"]} >= {"accuracy", "parameters"}


def test_reports_are_written(subject: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML and JUnit, as by every command that judges."""
    assert run(monkeypatch, "--html", str(tmp_path / "gate.html"), "--junit", str(tmp_path / "gate.xml")) == 0

    assert "passed" in (tmp_path / "gate.html").read_text()
    assert "testsuite" in (tmp_path / "gate.xml").read_text()


def test_somebody_elses_zip_is_only_read(
    subject: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its adapters are judged, and that this is all is said; the subject itself is meant by its own name."""
    shutil.make_archive("UTID", "zip", tmp_path, "homework")

    assert run(monkeypatch, "UTID.zip") == 0
    assert "code, adapters and run logs were read" in capsys.readouterr().out
    assert run(monkeypatch, "./homework/") == 0
    assert "adapters and run logs only" not in capsys.readouterr().out
    assert run(monkeypatch, "none.zip") == 2


def test_verdict_that_holds(subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is judged; status 0 as long as nothing has changed."""
    run(monkeypatch)
    capsys.readouterr()

    assert run(monkeypatch, "--attested") == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("homework: passed (judged 20")
    assert (printed.out.count("\n"), printed.err) == (1, "")


def test_changed_file_ends_it(
    subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, and which file; the same as JSON."""
    run(monkeypatch)
    (subject / "sft.py").write_text("PATCHED = True\n")
    capsys.readouterr()

    assert run(monkeypatch, "--attested") == 1
    assert "sft.py: changed since" in capsys.readouterr().out
    assert run(monkeypatch, "--attested", "--json") == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["verdict"], len(content["differences"])) == ("failed", 1)
    assert content["outcomes"]
    assert content["versions"]


def test_other_bounds_end_it(
    subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was passed by one bound was not passed by another."""
    run(monkeypatch)
    capsys.readouterr()

    assert run(monkeypatch, "--attested", "--bound", "accuracy=0.9") == 1
    assert "bound sft_accuracy: 0.4 then, 0.9 now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--honesty", "none"], "Expected quick or all, but got 'none'. Where: --honesty"),
        (["--rows", "0"], "Expected a number above 0, or all, but got '0'. Where: --rows"),
        (["--rows", "many"], "but got 'many'"),
        (["--bound", "acuracy=1"], "did you mean sft.accuracy"),
        (["--attested", "data"], "none: these files have not been through the gate"),
        (["--attested", "--html", "x.html"], "Expected no --html, --junit or --github, but got one of them"),
        (["--attested", "--github"], "nothing is judged, so there is nothing to report"),
        (["--html", "homework/report.html"], "Expected a report outside of what is judged, but got one in it"),
        (["--junit", "./homework/../homework/x.xml"], "What to do: write it elsewhere"),
    ],
)
def test_wrong_use_is_refused(
    subject: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    """Status 2 and one sentence, before anything is judged."""
    assert run(monkeypatch, *arguments) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert complaint in printed.err


@pytest.mark.parametrize(
    "arguments",
    [["--rows", "0"], ["--bound", "acuracy=1"], ["--attested"], []],
    ids=["option", "bound", "none", "data"],
)
def test_what_cannot_be_judged_is_json_too(
    subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Whoever reads stdout finds the object of every command, with the reason."""
    (subject.parent / "data" / "valid.json").unlink()

    assert run(monkeypatch, "--json", *arguments) == 2
    printed = capsys.readouterr()
    content = json.loads(printed.out)
    assert content.keys() == {"schema_version", "subject", "verdict", "outcomes", "versions", "reason"}
    assert (content["subject"], content["verdict"], content["outcomes"]) == ("homework", "undecided", [])
    assert content["reason"] in printed.err


def test_attested_risk_counts_where_it_is_wished(
    subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A verdict that was passed with a risk is none by the stricter rule."""
    seen = failed("fp16-unguarded", "wiring", "Expected a scaler.", {"dtype": "fp16"}).as_json()
    write_manifest(subject / "sft_model", support.manifest_content(verdicts=[seen]))
    run(monkeypatch)
    capsys.readouterr()

    assert run(monkeypatch, "--attested") == 0
    assert run(monkeypatch, "--attested", "--strict") == 1
    assert "a risk, which counts as an error: fp16-unguarded" in capsys.readouterr().out


def test_gate_that_is_stopped_has_no_verdict(
    subject: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, not that of a finding."""

    def interrupt(*_: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("unsilent.gate.grade", interrupt)

    assert run(monkeypatch) == 2
    assert "stopped before there was a verdict" in capsys.readouterr().err


def test_nothing_to_judge_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No subject, no data: status 2."""
    monkeypatch.chdir(tmp_path)

    assert run(monkeypatch) == 2
    assert "Expected the folder of a package that can be bundled, but got nothing" in capsys.readouterr().err
    gated.write_subject(tmp_path)
    (tmp_path / "data" / "valid.json").unlink()
    assert run(monkeypatch) == 2
    assert "valid.json cannot be opened" in capsys.readouterr().err
