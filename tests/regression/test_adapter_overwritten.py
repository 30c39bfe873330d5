"""An adapter that is not the one the manifest describes is noticed, and a trained one is not saved over.

In the reports a second run, or a test, saved an untrained adapter over the trained one. The file had the right name,
the right size and loaded; only the accuracy was gone.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import faults
import pytest
import snippets
import support
from peft import PeftModel

from homework import sft
from homework.errors import AdapterRefused, OutputRefused
from unsilent import inspect_adapter

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("adapter-overwritten"),
    pytest.mark.usefixtures("children_at_home"),
]


@pytest.fixture
def adapter(trained_once: Path, small_data: Path, tmp_path: Path) -> Path:
    """A trained adapter with its manifest."""
    return shutil.copytree(trained_once, tmp_path / "sft")


@pytest.mark.no_cover
def test_fault_is_real(adapter: Path) -> None:
    """PEFT saves over a trained adapter and loads the other one without a word; size and names are the same."""
    names = sorted(path.name for path in adapter.iterdir())
    before = (adapter / "adapter_model.safetensors").read_bytes()
    faults.overwrite_with(adapter, support.tiny_adapter(seed=1))
    after = (adapter / "adapter_model.safetensors").read_bytes()

    assert sorted(path.name for path in adapter.iterdir()) == names
    assert (len(after), after == before) == (len(before), False)
    assert PeftModel.from_pretrained(support.tiny_model(), str(adapter)).peft_config


def test_check_finds_it(adapter: Path) -> None:
    """The finding names the file, what happened to it, and when the manifest was written."""
    faults.overwrite_with(adapter, support.tiny_adapter(seed=1))
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-overwritten"
    assert "Expected the files that training wrote on 20" in finding.message
    assert "'adapter_model.safetensors': 'same size, other content'" in str(finding.evidence["changes"])


def test_untrained_one_saved_over_is_one_finding(adapter: Path) -> None:
    """The reports' case: the overwriting is the root, the zero lora_B its symptom."""
    faults.forget_training(adapter)

    assert [(one.slug, one.symptoms) for one in inspect_adapter(adapter).findings] == [
        ("adapter-overwritten", ("adapter-untrained",))
    ]


def test_check_finds_an_edited_manifest(adapter: Path) -> None:
    """Whoever edits the manifest to fit is noticed by its seal."""
    path = adapter / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"seed": 7}))

    assert "edited: its seal does not fit" in str(support.only_finding(inspect_adapter(adapter)).evidence["manifest"])
    with pytest.raises(AdapterRefused, match="edited"):
        sft.load(str(adapter))


def test_check_finds_an_older_file_that_came_back(adapter: Path) -> None:
    """Weights that the manifest does not list are read by nobody knows which loader."""
    (adapter / "adapter_model.bin").write_bytes(b"older")

    assert support.only_finding(inspect_adapter(adapter)).evidence["changes"] == {"adapter_model.bin": "added later"}


def test_library_refuses_to_load_it(adapter: Path) -> None:
    """The load path compares sha256, without the verification library."""
    faults.overwrite_with(adapter, support.tiny_adapter(seed=1))

    with pytest.raises(AdapterRefused, match=r"adapter_config\.json that the manifest of 20.* but got another one"):
        sft.load(str(adapter))


def test_library_does_not_save_over(adapter: Path, tiny_base: Path) -> None:
    """A second run into the same place is refused before it begins, and the adapter stays what it was."""
    before = (adapter / "adapter_model.safetensors").read_bytes()
    with pytest.raises(OutputRefused, match=r"one that holds adapter_model\.safetensors.*--overwrite"):
        support.train_tiny(tiny_base, adapter)

    assert (adapter / "adapter_model.safetensors").read_bytes() == before


def test_healthy_twin_is_left_alone(adapter: Path, tiny_base: Path) -> None:
    """As trained, and as trained anew with leave to replace it."""
    first = inspect_adapter(adapter).verdict()
    support.train_tiny(tiny_base, adapter, overwrite=True, seed=1)

    assert (first, inspect_adapter(adapter).verdict()) == ("passed", "passed")
    assert sft.load(str(adapter)).model.peft_config


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "adapter-overwritten")
