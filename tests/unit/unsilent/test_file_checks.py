"""Checks of files: what the regression files leave open."""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import support
import torch

from unsilent import inspect_adapter
from unsilent.outcome import Outcome

pytestmark = pytest.mark.usefixtures("children_at_home")


def outcomes(folder: Path, *, quick: bool = False) -> dict[str, Outcome]:
    """Outcomes by slug."""
    return {one.slug: one for one in inspect_adapter(folder, quick=quick).outcomes}


def test_clean_pickle_under_the_name_of_safetensors(tmp_path: Path) -> None:
    """Harmless, and nothing that a loader could read: the wrong format."""
    support.as_bin(support.write_adapter(tmp_path, manifest=False))
    (tmp_path / "adapter_model.bin").rename(tmp_path / "adapter_model.safetensors")
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert finding.slug == "adapter-format"
    assert "got a pickle (a zip of torch.save) in adapter_model.safetensors" in finding.message


@pytest.mark.parametrize("field", [{"r": "four"}, {"bias": 7}, {"peft_type": None}], ids=str)
def test_configuration_that_nobody_can_load(tmp_path: Path, field: dict[str, object]) -> None:
    """A field that PEFT could not use is a missing configuration, with the field's name."""
    faults.change_config(support.write_adapter(tmp_path, manifest=False), **field)
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert finding.slug == "adapter-missing"
    assert f"PEFT's configuration, but got {next(iter(field))} is" in finding.message
    assert finding.evidence["complaints"]


def test_quick_look_says_what_it_did_not_compare(tmp_path: Path) -> None:
    """The other format, and large files' hashes."""
    support.write_adapter(tmp_path)
    torch.save({}, tmp_path / "notes.pt")
    found = outcomes(tmp_path, quick=True)
    faults.retrain_as_bin(tmp_path)

    assert found["adapter-overwritten"].message == "large files compared by size alone"
    assert outcomes(tmp_path, quick=True)["adapter-stale-format"].reason == "values are not read with --quick"


def test_unreadable_shadow_is_skipped(tmp_path: Path) -> None:
    """Which of two is right cannot be said when one of them cannot be read."""
    support.write_adapter(tmp_path, manifest=False)
    (tmp_path / "adapter_model.bin").write_text("rubbish")

    assert outcomes(tmp_path)["adapter-stale-format"].reason == "adapter_model.bin cannot be read"
