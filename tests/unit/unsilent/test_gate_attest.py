"""What the gate writes down: files as they were before it began, and nothing green that is not written."""

from __future__ import annotations

from pathlib import Path

import gated
import pytest

from unsilent import gate
from unsilent.attestation import AttestationUnusable, find_differences, read_attestation
from unsilent.gate import run_gate
from unsilent.judging import Judged


def test_change_while_it_runs_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is attested is what was there before anything was judged."""
    gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)

    def judge_and_edit(*_: object, **more: object) -> dict[str, Judged]:
        (config.subject / "sft.py").write_text("PATCHED = True\n")
        return {"sft": gated.judged()}

    monkeypatch.setattr(gate, "judge_parts", judge_and_edit)
    dossier = run_gate(config)

    lines = find_differences(config.subject, read_attestation(config.subject))
    assert any(line.startswith("sft.py: changed since") for line in lines)
    assert dossier.verdict() == read_attestation(config.subject)["verdict"] == "undecided"
    assert "changed while the gate ran: sft.py; run it again" in dossier.notes


def test_base_is_attested_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another base under the same name is another model."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    (base / "README.md").write_text("x")
    gated.can(monkeypatch, gated.grade_of(), gated.judged(base=str(base)))
    config = gated.write_subject(tmp_path)
    run_gate(config)

    assert set(read_attestation(config.subject)["data"]) == {"data/train.json", "data/valid.json", "base/config.json"}


def test_bad_file_of_a_base_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not keep the verdict from being written down."""
    base = tmp_path / "base"
    (base / "odd.json").mkdir(parents=True)
    (base / "config.json").write_text("{}")
    gated.can(monkeypatch, gated.grade_of(right=30), gated.judged(base=str(base)))
    config = gated.write_subject(tmp_path)
    dossier = run_gate(config)

    assert "not attested, because it cannot be read: base/odd.json" in dossier.notes
    assert read_attestation(config.subject)["verdict"] == "failed"
    assert "base/config.json" in read_attestation(config.subject)["data"]


def test_verdict_that_cannot_be_written_is_not_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told why, and that what is in the way could not be removed."""
    gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)
    (config.subject / "attestation.json").mkdir()
    dossier = run_gate(config)

    assert dossier.verdict() == "undecided"
    assert dossier.notes[-1].startswith("no attestation was written: Expected a folder that can be written")
    assert dossier.notes[-1].endswith("could not be removed: do not rely on it.")


@pytest.mark.parametrize("may_unlink", [True, False], ids=["removed", "emptied"])
def test_older_verdict_does_not_outlive_a_red_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    may_unlink: bool,  # noqa: FBT001
) -> None:
    """A green attestation goes when the red one cannot be written; in a read-only folder its content goes."""
    gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)
    run_gate(config)
    gated.can(monkeypatch, gated.grade_of(right=30))

    def refuse(*_: object, **more: object) -> None:
        raise AttestationUnusable("a folder that can be written", "Read-only", config.subject)

    def keep(*_: object, **more: object) -> None:
        raise PermissionError

    monkeypatch.setattr("unsilent.gate_attest.write_attestation", refuse)
    if not may_unlink:
        monkeypatch.setattr(Path, "unlink", keep)

    assert run_gate(config).verdict() == "failed"
    with pytest.raises(AttestationUnusable):
        read_attestation(config.subject)
