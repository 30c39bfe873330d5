"""Folders of every kind get an outcome for each failure, and none makes the inspection raise."""

from __future__ import annotations

import os
from pathlib import Path

import faults
import pytest
import support

from unsilent import inspect_adapter
from unsilent.adapters import STAGE
from unsilent.outcome import Report


def statuses(report: Report) -> dict[str, str]:
    """Status by slug."""
    return {outcome.slug: outcome.status for outcome in report.outcomes}


def test_trained_adapter_passes_everything(tmp_path: Path) -> None:
    """With its manifest every check runs."""
    report = inspect_adapter(support.write_adapter(tmp_path / "a"))

    assert set(statuses(report).values()) == {"passed"}
    assert report.exit_status() == 0


@pytest.mark.parametrize("name", ["absent", "file"])
def test_what_is_no_folder_is_not_judged(tmp_path: Path, name: str) -> None:
    """Undecided, with the reason."""
    (tmp_path / "file").touch()
    report = inspect_adapter(tmp_path / name)

    assert set(statuses(report).values()) == {"skipped"}
    assert report.exit_status() == 2


def test_unreadable_folder_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be listed is undecided, not a traceback."""

    def refuse(self: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert {outcome.reason for outcome in inspect_adapter(tmp_path).outcomes} == {"cannot be read (Permission denied)"}


def test_rubbish_is_skipped_with_a_reason(tmp_path: Path) -> None:
    """Weights that cannot be read are not judged as untrained."""
    support.write_adapter(tmp_path, manifest=False)
    (tmp_path / "adapter_model.safetensors").write_text("rubbish")
    found = {outcome.slug: outcome for outcome in inspect_adapter(tmp_path).outcomes}

    assert found["adapter-untrained"].reason.startswith("adapter_model.safetensors cannot be read")
    assert found["adapter-overwritten"].reason.startswith("no manifest.json")


def test_other_methods_are_not_judged_as_lora(tmp_path: Path) -> None:
    """An adapter without any lora_B is no LoRA adapter."""
    faults.rename_tensors(support.write_adapter(tmp_path, manifest=False), "lora_B", "ia3_l")
    found = {outcome.slug: outcome for outcome in inspect_adapter(tmp_path).outcomes}

    assert found["adapter-untrained"].reason == "no lora_B among 28 tensors: not a LoRA adapter"


def test_newer_manifest_is_not_judged(tmp_path: Path) -> None:
    """A schema of the future is skipped with its number, an edited manifest is a finding."""
    support.write_adapter(tmp_path)
    path = tmp_path / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"schema_version": 1', '"schema_version": 9'))
    newer = statuses(inspect_adapter(tmp_path))
    path.write_text(text.replace('"seed": 0', '"seed": 1'))

    assert (newer["adapter-overwritten"], newer["dtype-mismatch"]) == ("skipped", "skipped")
    assert statuses(inspect_adapter(tmp_path))["adapter-overwritten"] == "failed"


def test_dtype_without_weights_is_skipped(tmp_path: Path) -> None:
    """A manifest alone has nothing to be compared with."""
    support.write_adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()

    assert statuses(inspect_adapter(tmp_path)) == {
        "nested-output-dir": "passed",
        "adapter-missing": "failed",
        "adapter-format": "skipped",
        "adapter-overwritten": "failed",
        "adapter-untrained": "skipped",
        "dtype-mismatch": "skipped",
    }


def test_stage_is_adapter(tmp_path: Path) -> None:
    """Every outcome stands in this stage, and relative paths are as good as absolute ones."""
    support.write_adapter(tmp_path / "a")
    report = inspect_adapter(os.path.relpath(tmp_path / "a"))

    assert {outcome.stage for outcome in report.outcomes} == {STAGE}
    assert report.exit_status() == 0
