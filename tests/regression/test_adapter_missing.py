"""A missing adapter is an error that says what is there; nothing is created in its place.

The reports' loader made a fresh adapter where it found none, saved it, and went on: the evaluation ran, with the plain
base behind it, and the next run took the fresh file for the trained one.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import snippets
import support
import torch

from homework import sft
from homework.errors import AdapterMissing
from unsilent import inspect_adapter
from unsilent.loaders import check_missing

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-missing")]

IDS = torch.arange(12)[None] + 3


def test_fault_is_real(tiny_base: Path, tmp_path: Path) -> None:
    """The reports' loader creates the adapter it cannot find, and the model says what the base says."""
    with torch.no_grad():
        created = faults.create_when_missing(tiny_base, tmp_path / "sft").eval()(input_ids=IDS).logits
        plain = support.tiny_model()(input_ids=IDS).logits

    assert (tmp_path / "sft" / "adapter_model.safetensors").is_file()
    assert torch.equal(created, plain)


def test_check_finds_it(tiny_base: Path) -> None:
    """Asked for adapters that do not exist, the loader is caught creating them."""
    outcome = check_missing(lambda folder: faults.create_when_missing(tiny_base, folder))

    assert (outcome.status, outcome.slug) == ("failed", "adapter-missing")
    assert "Expected an error for a missing adapter and nothing created" in outcome.message
    assert "created README.md, absent, adapter_config.json" in str(outcome.evidence["wrong"])


@pytest.mark.parametrize(
    ("names", "lacking"),
    [([], "configuration and weights"), (["notes.txt"], "configuration and weights"),
     (["adapter_config.json"], "weights"), (["adapter_model.safetensors"], "adapter_config.json")],
    ids=["empty", "wrong folder", "configuration alone", "weights alone"],
)  # fmt: skip
def test_check_finds_a_folder_without_one(tmp_path: Path, names: list[str], lacking: str) -> None:
    """The finding says what is lacking and what is there."""
    support.write_adapter(tmp_path / "whole", manifest=False)
    (tmp_path / "part").mkdir()
    for name in names:
        whole = tmp_path / "whole" / name
        (tmp_path / "part" / name).write_bytes(whole.read_bytes() if whole.is_file() else b"")
    finding = support.only_finding(inspect_adapter(tmp_path / "part"))

    assert finding.slug == "adapter-missing"
    assert finding.evidence == {"lacking": lacking, "there": names}


def test_healthy_twin_creates_nothing(tmp_path: Path) -> None:
    """The library's loader raises, names the command that trains, and leaves no file."""
    with pytest.raises(AdapterMissing, match=r"no such folder.*train one: python -m homework\.sft train"):
        sft.load(str(tmp_path / "sft"))

    assert list(tmp_path.iterdir()) == []
    assert check_missing(lambda folder: sft.load(str(folder))).status == "passed"


def test_trained_adapter_is_there(tmp_path: Path) -> None:
    """A whole adapter is left alone."""
    assert inspect_adapter(support.write_adapter(tmp_path / "sft")).verdict() == "passed"


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "adapter-missing")
