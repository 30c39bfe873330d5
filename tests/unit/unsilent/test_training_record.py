"""What a manifest keeps of log and guard is judged as if it lay in a log of its own."""

from __future__ import annotations

from pathlib import Path

import support

from unsilent.manifest import write_manifest
from unsilent.outcome import failed, passed, skipped
from unsilent.training_record import judge_record


def record(folder: Path, **changes: object) -> Path:
    """An adapter folder's manifest alone."""
    folder.mkdir(exist_ok=True)
    write_manifest(folder, support.manifest_content(**changes))  # type: ignore[arg-type] # fields of the manifest
    return folder


def statuses(folder: Path) -> dict[str, str]:
    """By slug."""
    report = judge_record(folder)
    assert report is not None
    return {outcome.slug: outcome.status for outcome in report.outcomes}


def test_no_manifest_is_no_record(tmp_path: Path) -> None:
    """Nor is one that was edited: the adapter's own checks say so."""
    assert judge_record(tmp_path) is None
    record(tmp_path)
    (tmp_path / "manifest.json").write_text((tmp_path / "manifest.json").read_text().replace("tiny", "tony"))
    assert judge_record(tmp_path) is None


def test_findings_of_the_guard_are_kept(tmp_path: Path) -> None:
    """A guard that only warned has left its finding; one of an unknown catalogue is passed over."""
    found = failed("gradient-explosion", "guard", "Expected less.", {"grad_norm": 1e9}, step=7)
    report = judge_record(record(tmp_path, verdicts=[found.as_json(), {"failure": "unknown"}]))

    assert report is not None
    assert list(report.outcomes) == [found]
    assert report.verdict() == "failed"


def test_each_failure_is_told_once(tmp_path: Path) -> None:
    """Wiring and guard look for the same: what passed in one of them is not skipped, and findings all stay."""
    found = [failed("lr-zero", stage, "Expected more.", {"lr": 0}) for stage in ("wiring", "guard")]
    fine = [skipped("fp16-overflow", "wiring", "no fp16"), passed("fp16-overflow", "guard")]
    report = judge_record(record(tmp_path, verdicts=[one.as_json() for one in (*fine, *found, *fine)]))

    assert report is not None
    assert list(report.outcomes) == [*found, fine[1]]


def test_records_of_the_log_are_judged(tmp_path: Path) -> None:
    """NaN from some step on; the words for NaN are numbers again, and the place is the manifest."""
    records = [[5, 2.0, 1.0], [10, 1.0, 1.0], [15, 0.0, "nan"], [20, 0.0, "nan"], "half"]
    report = judge_record(record(tmp_path, log={"steps": 20, "records": records}))

    assert report is not None
    assert {one.slug for one in report.outcomes if one.status == "failed"} == {"nan-grad-norm", "zero-loss"}
    assert "step 15" in report.findings[0].message


def test_older_manifest_has_two_records(tmp_path: Path) -> None:
    """First and last show a NaN as well; and a run without any record shows nothing."""
    first, last = {"step": 5, "loss": 2.0, "grad_norm": 1.0}, {"step": 9, "loss": 0.0, "grad_norm": "nan"}
    log = {"steps": 9, "first": first, "last": last}

    assert statuses(record(tmp_path / "a", log=log))["nan-grad-norm"] == "failed"
    assert statuses(record(tmp_path / "b", log={"steps": 0})) == {}
