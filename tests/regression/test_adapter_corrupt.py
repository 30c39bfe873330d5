"""A weight file that is cut off, or whose header contradicts its bytes, is refused with the reason.

An interrupted copy, a full disk, a header that somebody wrote by hand: each is one sentence, and the file is never
believed further than it fits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import faults
import pytest
import support
from peft import PeftModel
from safetensors import SafetensorError

from unsilent import inspect_adapter

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-corrupt")]

FILE = "adapter_model.safetensors"
DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut in half": (faults.cut_file, "does not fit bytes"),
    "cut in its header": (lambda path: faults.cut_file(path, 0.01), "no safetensors header"),
    "a byte too few": (lambda path: faults.cut_file(path, 0.99999), "does not fit bytes"),
    "empty": (lambda path: faults.cut_file(path, 0), "no safetensors header in 0 bytes"),
    "a dtype of another width": (lambda path: faults.change_header(path, '"F32"', '"F16"'), "does not fit bytes"),
    "a dtype that is none": (lambda path: faults.change_header(path, '"F32"', '"F33"'), "nobody knows"),
    "a shape that lies": (lambda path: faults.change_header(path, "[4,32]", "[4,99]"), "does not fit bytes"),
    "broken JSON": (lambda path: faults.change_header(path, '"dtype"', '"dtype '), "JSONDecodeError"),
}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def test_fault_is_real(adapter: Path) -> None:
    """PEFT stops in the middle of loading; with an integer dtype it goes on."""
    faults.change_header(adapter / FILE, '"F32"', '"I32"')
    PeftModel.from_pretrained(support.tiny_model(), str(adapter))
    faults.cut_file(adapter / FILE)

    with pytest.raises(SafetensorError):
        PeftModel.from_pretrained(support.tiny_model(), str(adapter))


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_check_finds_it(adapter: Path, damage: Callable[[Path], None], words: str) -> None:
    """One finding, with what does not fit."""
    damage(adapter / FILE)
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-corrupt"
    assert words in str(finding.evidence["damage"])
    assert finding.message.startswith("Expected whole weights, but got a file that cannot be read (adapter_model.safe")


def test_check_finds_floats_that_are_called_integers(adapter: Path) -> None:
    """The same number of bytes, so that nothing but the meaning is wrong."""
    faults.change_header(adapter / FILE, '"F32"', '"U32"')
    finding = support.only_finding(inspect_adapter(adapter))

    assert (finding.slug, finding.evidence["dtype"]) == ("adapter-corrupt", "uint32")


def test_check_finds_a_pickle_that_is_cut(adapter: Path) -> None:
    """A .bin that ends early, too."""
    faults.cut_file(support.as_bin(adapter) / "adapter_model.bin")

    assert support.only_finding(inspect_adapter(adapter)).slug == "adapter-corrupt"


def test_check_finds_an_index_that_lies(adapter: Path) -> None:
    """Shards whose index names the wrong one of them."""
    index = support.as_shards(adapter) / "adapter_model.safetensors.index.json"
    index.write_text(index.read_text().replace("00001-of-00002", "00009-of-00002", 1))
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-corrupt"
    assert "lies in adapter_model-00001-of-00002.safetensors, not in 'adapter_model-00009" in finding.message


def test_root_is_the_damage(tmp_path: Path) -> None:
    """A manifest notices the change as well: one fault, one finding."""
    folder = support.write_adapter(tmp_path / "kept")
    faults.cut_file(folder / FILE)
    finding = support.only_finding(inspect_adapter(folder))

    assert (finding.slug, finding.symptoms) == ("adapter-corrupt", ("adapter-overwritten",))


def test_flipped_bit_needs_the_manifest(tmp_path: Path) -> None:
    """A plausible value is seen by nobody who has no hash, and by everybody who has one."""
    folder = support.write_adapter(tmp_path / "kept")
    faults.corrupt_byte(folder / FILE)
    found = support.only_finding(inspect_adapter(folder))
    (folder / "manifest.json").unlink()

    assert found.slug == "adapter-overwritten"
    assert inspect_adapter(folder).verdict() == "passed"


def test_healthy_twin_is_left_alone(adapter: Path) -> None:
    """The same adapter, whole, as one file and as shards."""
    assert inspect_adapter(adapter).verdict() == "passed"
    assert inspect_adapter(support.as_shards(adapter)).verdict() == "passed"
