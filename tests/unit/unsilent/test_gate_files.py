"""Logs and records in a subject's files are judged, and the zip is weighed before it is made."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import gated
import pytest
import support

from unsilent.bounds import Bounds
from unsilent.bundled import choose_files
from unsilent.gate_config import GateConfig
from unsilent.gate_files import files_of_bases, judge_runs, weigh
from unsilent.manifest import write_manifest


def weighed(config: GateConfig, bounds: Bounds | None = None) -> tuple[str, str, dict[str, bool]]:
    """Status, message, and which figures are met."""
    files = choose_files(config.subject).included
    outcome, figures = weigh(config.subject, files, config.parts, bounds or Bounds())
    return outcome.status, outcome.message, {one.name: one.is_met for one in figures}


def test_zip_is_weighed(tmp_path: Path) -> None:
    """Both sizes stand beside their bounds, and nothing is left behind."""
    config = gated.write_subject(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    assert weighed(config) == ("passed", "", {"adapter size [MB]": True, "zip size [MB]": True})
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["adapter_mb", "zip_mb"])
def test_too_much_is_a_finding(tmp_path: Path, name: str) -> None:
    """The adapter's own limit, and that of the whole; the message speaks of a zip that is not there yet."""
    status, message, met = weighed(gated.write_subject(tmp_path), Bounds().override({name: 0.001}, "here"))

    assert status == "failed"
    assert "Where: homework.zip, as it would be" in message
    assert sorted(met.values()) == [False, True]


def test_other_adapters_have_the_limit_of_the_zip_alone(tmp_path: Path) -> None:
    """20 MB are the SFT adapter's."""
    config = gated.write_subject(tmp_path)
    (config.subject / "sft_model").rename(config.subject / "rft_model")

    assert weighed(config, Bounds(adapter_mb=0.001))[2] == {"zip size [MB]": True}


@pytest.mark.parametrize("name", ["sft.py", "sft_model/adapter_model.safetensors"])
def test_file_that_is_gone_is_a_reason(tmp_path: Path, name: str) -> None:
    """Somebody cleans up while the gate runs."""
    config = gated.write_subject(tmp_path)
    files = choose_files(config.subject).included
    (config.subject / name).unlink()
    outcome, _ = weigh(config.subject, files, config.parts, Bounds())

    assert outcome.status == "skipped"
    assert "cannot be packed" in outcome.reason


def test_old_files_are_packed(tmp_path: Path) -> None:
    """A zip knows no time before 1980."""
    config = gated.write_subject(tmp_path)
    os.utime(config.subject / "sft.py", (0, 0))

    assert weighed(config)[0] == "passed"


def test_bases_are_known_by_their_files(tmp_path: Path) -> None:
    """Weights and configuration; a hub's name and whatever else a subject says are no place."""
    for name in ("config.json", "model.safetensors", "README.md"):
        (tmp_path / name).touch()
    found = files_of_bases([str(tmp_path), "", "HuggingFaceTB/SmolLM2", "a\0b", "x" * 5000])

    assert {Path(name).name for name in found} == {"config.json", "model.safetensors"}


def test_logs_and_records_are_judged(tmp_path: Path) -> None:
    """A trainer's state by its place, a manifest's record by its part; each with its curve."""
    config = gated.write_subject(tmp_path)
    history = [{"step": step, "loss": 0.0, "grad_norm": math.nan} for step in range(1, 5)]
    (config.subject / "out").mkdir()
    (config.subject / "out" / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    log = {"steps": 20, "records": [[step, 2.0 - step / 20, 1.0] for step in range(1, 21)]}
    write_manifest(config.subject / "sft_model", support.manifest_content(log=log))
    outcomes, curves = judge_runs(config.subject, config.parts)

    assert {one.subject for one in outcomes if one.status == "failed"} == {"out"}
    assert {one.slug for one in outcomes if one.subject == "sft" and one.status == "passed"} > {"nan-grad-norm"}
    assert [curve.part for curve in curves] == ["out", "sft"]


def test_nothing_recorded_is_nothing_judged(tmp_path: Path) -> None:
    """An adapter without a manifest, and no log."""
    config = gated.write_subject(tmp_path)
    (config.subject / "sft_model" / "manifest.json").unlink()

    assert judge_runs(config.subject, config.parts) == ([], [])
