"""A trained adapter is found in whatever format it was saved.

The reports looked for ``adapter_model.bin`` alone. PEFT had long been writing ``adapter_model.safetensors``, so the
trained adapter was taken for missing, and a new one was created over it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import faults
import pytest
import snippets
import support
from peft import PeftModel

from homework import sft
from homework.adapter_files import find_adapter
from homework.errors import BadInput
from unsilent import inspect_adapter
from unsilent.loaders import check_finder

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("adapter-format"),
    pytest.mark.usefixtures("children_at_home"),
]

FORMATS: dict[str, Callable[[Path], Path]] = {
    "safetensors": lambda folder: folder,
    "bin": support.as_bin,
    "shards": support.as_shards,
}


@pytest.fixture
def adapter(tiny_base: Path, tmp_path: Path) -> Path:
    """A trained adapter as PEFT saves it."""
    return support.write_adapter(tmp_path / "sft", tiny_base, manifest=False)


def complaint_of_loading(folder: Path) -> str:
    """What the library's loader has to complain about; nothing when it loads."""
    try:
        sft.load(str(folder))
    except BadInput as error:
        return str(error)
    return ""


def test_fault_is_real(adapter: Path) -> None:
    """The reports' finder does not see what PEFT saved."""
    assert (adapter / "adapter_model.safetensors").is_file()
    assert not faults.look_for_bin_alone(adapter)


def test_fault_is_real_for_shards(adapter: Path) -> None:
    """PEFT itself takes a folder of shards for the name of a hub repository."""
    support.as_shards(adapter)

    with pytest.raises(Exception, match=r"Repo id must be|Can't find"):
        PeftModel.from_pretrained(support.tiny_model(), str(adapter))


def test_check_finds_it() -> None:
    """Shown every format, the reports' finder misses those without a .bin, and believes one without configuration."""
    outcome = check_finder(faults.look_for_bin_alone)

    assert (outcome.status, outcome.slug) == ("failed", "adapter-format")
    assert "Expected every format to be recognised, but got safetensors alone: taken for missing" in outcome.message
    assert outcome.evidence["wrong"] == dict.fromkeys(["safetensors alone", "shards"], "taken for missing")


def test_check_finds_weights_under_another_name(adapter: Path) -> None:
    """Weights that no loader looks for are the root cause of the missing adapter."""
    faults.rename_weights(adapter)
    finding = support.only_finding(inspect_adapter(adapter))

    assert (finding.slug, finding.symptoms) == ("adapter-format", ("adapter-missing",))
    assert finding.evidence["found"] == ["pytorch_model.bin"]


def test_check_finds_a_lost_shard(adapter: Path) -> None:
    """Half an adapter is none."""
    support.as_shards(adapter, 3)
    (adapter / "adapter_model-00002-of-00003.safetensors").unlink()

    assert support.only_finding(inspect_adapter(adapter)).evidence["lost_shards"] == [2]


@pytest.mark.parametrize("change", FORMATS.values(), ids=FORMATS.keys())
def test_healthy_twin_is_found_in_every_format(adapter: Path, change: Callable[[Path], Path]) -> None:
    """The library finds and loads each, and the check passes."""
    change(adapter)

    assert inspect_adapter(adapter).verdict() == "passed"
    assert complaint_of_loading(adapter) == ""


def test_library_sees_what_is_there_and_only_that() -> None:
    """The library's finder is shown every kind of folder."""
    assert check_finder(lambda folder: find_adapter(str(folder), command="train")).status == "passed"


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "adapter-format")
