"""What is known of an adapter is collected once, and what is not known has a reason."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import faults
import pytest
import support
import torch
from safetensors.torch import load_file, save_file

from unsilent import manifest
from unsilent.adapter_facts import AdapterFacts, collect
from unsilent.adapter_folder import read_folder

pytestmark = pytest.mark.usefixtures("children_at_home")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def facts_of(folder: Path, *, quick: bool = False) -> AdapterFacts:
    """Collect, with folders for what a pickle holds."""
    with tempfile.TemporaryDirectory() as scratch:
        names: Iterator[int] = iter(range(9))

        def make() -> Path:
            path = Path(scratch) / str(next(names))
            path.mkdir()
            return path

        return collect(read_folder(folder), make, quick=quick)


def test_everything_is_known_of_a_whole_adapter(adapter: Path) -> None:
    """Tensors, layout, values, and norms that are those of the products."""
    facts = facts_of(adapter)
    tensors = load_file(adapter / "adapter_model.safetensors")
    name = "model.layers.0.self_attn.q_proj"
    product = tensors[f"base_model.model.{name}.lora_B.weight"] @ tensors[f"base_model.model.{name}.lora_A.weight"]

    assert facts.layout is not None
    assert facts.values is not None
    assert (len(facts.tensors), len(facts.layout.modules), len(facts.values), len(facts.norms)) == (28, 14, 28, 14)
    assert facts.norms[name] == pytest.approx(8 / 4 * float(product.norm()), rel=1e-5)
    assert facts.layer_norms["model.layers.0"] == pytest.approx(
        math.sqrt(sum(norm**2 for path, norm in facts.norms.items() if "layers.0." in path))
    )
    assert (facts.unread, facts.unlooked, facts.unlaid, facts.changes) == ("", "", "", None)


def test_quick_look_reads_no_values(adapter: Path) -> None:
    """Layout from the headers; of the manifest's files the small ones."""
    manifest.write_manifest(adapter, support.manifest_content())
    faults.corrupt_byte(adapter / "adapter_model.safetensors")
    faults.change_config(adapter, lora_alpha=1)
    facts = facts_of(adapter, quick=True)

    assert facts.values is None
    assert (facts.norms, facts.unlooked) == ({}, "values are not read with --quick")
    assert facts.changes is not None
    assert set(facts.changes) == {"adapter_config.json", "adapter_model.safetensors"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"peft_type": "IA3"}, ""),
        ({"peft_type": "LOHA"}, ""),
        ({"r": "4"}, "no configuration to hold the tensors against (r is '4': must be a whole number above 0)"),
        ({"target_modules": "(q_proj"}, "no configuration to hold the tensors against (a pattern that cannot be used"),
    ],
    ids=["another method", "a third", "a field", "a pattern"],
)  # fmt: skip
def test_layout_needs_a_configuration(adapter: Path, fault: dict[str, object], reason: str) -> None:
    """LoRA's tensors under another method are all strange; what cannot be used is a reason."""
    faults.change_config(adapter, **fault)
    facts = facts_of(adapter)

    assert facts.unlaid[: len(reason)] == reason
    assert (facts.layout is None) == bool(reason)
    assert facts.layout is None or len(facts.layout.strange) == 28


@pytest.mark.parametrize(
    ("method", "reason"),
    [("IA3", "IA3 is known and not judged without --base"), ("NEW", "NEW is unknown, so not judged without --base"),
     ("XLORA", "XLORA is known and not judged without --base")],
)  # fmt: skip
def test_other_methods_are_not_judged(adapter: Path, method: str, reason: str) -> None:
    """Their values are looked at all the same. X-LoRA keeps LoRA's tensors of several adapters."""
    faults.change_config(adapter, peft_type=method)
    if method != "XLORA":
        faults.rename_tensors(adapter, "lora_", f"{method.lower()}_")
    facts = facts_of(adapter)

    assert (facts.layout, facts.unlaid) == (None, reason)
    assert facts.values is not None


def test_no_configuration_is_a_reason(adapter: Path) -> None:
    """Values are judged without it."""
    (adapter / "adapter_config.json").unlink()

    assert facts_of(adapter).unlaid == "no configuration to hold the tensors against (none that can be read)"


def test_pickle_is_read_through_its_tensors(adapter: Path) -> None:
    """After a clean scan; with --quick it stays closed."""
    facts, quick = facts_of(support.as_bin(adapter)), facts_of(adapter, quick=True)

    assert (len(facts.tensors), len(facts.norms)) == (28, 14)
    assert [scan.kind for scan in facts.scans.values()] == ["a zip of torch.save"]
    assert quick.unread == "adapter_model.bin is a pickle: not opened with --quick"


def test_unsafe_pickle_is_not_opened(adapter: Path, tmp_path: Path) -> None:
    """The reason names the file."""
    faults.malicious_bin(adapter, tmp_path / "ran")

    assert facts_of(adapter).unread == "adapter_model.bin is not opened: its pickle would run code"


def test_broken_pickle_is_damage(adapter: Path) -> None:
    """As a broken safetensors file is."""
    faults.cut_file(support.as_bin(adapter) / "adapter_model.bin")

    assert facts_of(adapter).unread.startswith("cannot be read (adapter_model.bin: ")


@pytest.mark.parametrize("beside", ["bin", "unsafe", "cut", "shards", "cut shard"])
def test_shadowed_weights_are_read_where_they_can_be(adapter: Path, tmp_path: Path, beside: str) -> None:
    """Another format beside the one that PEFT reads."""
    path = adapter / "adapter_model.safetensors"
    whole = path.read_bytes()
    if beside == "unsafe":
        faults.malicious_bin(adapter, tmp_path / "ran")
    elif "shard" in beside:
        support.as_shards(adapter)
    else:
        torch.save(load_file(path), adapter / "adapter_model.bin")
    path.write_bytes(whole)
    if "cut" in beside:
        faults.cut_file(max(set(adapter.glob("adapter_model*[0-9n].*")) - {path}, key=str)
                        if beside == "cut shard" else adapter / "adapter_model.bin")  # fmt: skip
    found = facts_of(adapter).shadow

    assert len(found) == 28 if found is not None else beside in ("unsafe", "cut", "cut shard")


def test_what_is_no_pair_of_matrices_has_no_norm(adapter: Path) -> None:
    """Beside the others, which have theirs."""
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    name = "model.layers.0.self_attn.q_proj"
    tensors[f"base_model.model.{name}.lora_A.weight"] = tensors[f"base_model.model.{name}.lora_A.weight"].flatten()
    save_file(tensors, path)
    facts = facts_of(adapter)

    assert (len(facts.norms), name in facts.norms) == (13, False)
