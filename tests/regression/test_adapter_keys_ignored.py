"""Tensors under names that PEFT does not know are found; it drops them with a warning and answers like the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
from peft import PeftModel

from unsilent import inspect_adapter

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("adapter-keys-ignored"),
    pytest.mark.usefixtures("children_at_home"),
]

IDS = torch.arange(12)[None] + 3
FILE = "adapter_model.safetensors"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def test_fault_is_real(adapter: Path) -> None:
    """A warning, and the logits are those of the base alone."""
    faults.rename_keys(adapter / FILE)
    with torch.no_grad():
        plain = support.tiny_model()(input_ids=IDS).logits
        with pytest.warns(UserWarning, match="missing adapter keys"):
            loaded = PeftModel.from_pretrained(support.tiny_model(), str(adapter)).eval()

        assert torch.equal(plain, loaded(input_ids=IDS).logits)


def test_check_finds_it(adapter: Path) -> None:
    """The first name, why PEFT does not read it, and how many."""
    faults.rename_keys(adapter / FILE)
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-keys-ignored"
    assert "without the prefix base_model.model. (28 of 28 tensors are dropped at loading)" in finding.message
    assert finding.evidence["count"] == 28


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("base_model.model.", "", "without the prefix"),
        ("lora_A.weight", "lora_A.default.weight", "lora_A.default.weight is no part of LORA"),
        ("lora_B", "lora_up", "lora_up.weight is no part of LORA"),
        ("self_attn", "attention", "the configuration does not ask for it"),
    ],
    ids=["no prefix", "the adapter's name left in", "another convention", "other modules"],
)  # fmt: skip
def test_check_finds_names_of_every_kind(adapter: Path, old: str, new: str, why: str) -> None:
    """As other tools write them, and as they come out of a state dict."""
    faults.rename_tensors(adapter, old, new)
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-keys-ignored"
    assert why in finding.message


def test_check_finds_another_methods_tensors(adapter: Path) -> None:
    """LoRA's tensors under a configuration of IA3."""
    faults.change_config(adapter, peft_type="IA3")
    finding = support.only_finding(inspect_adapter(adapter))

    assert (finding.slug, finding.evidence["count"]) == ("adapter-keys-ignored", 28)


def test_check_finds_modules_that_the_base_lacks(adapter: Path, tmp_path: Path) -> None:
    """Two layers of adapter, one layer of base: only the base can tell."""
    support.tiny_model(layers=1).save_pretrained(tmp_path / "shallow")
    finding = support.only_finding(inspect_adapter(adapter, base=tmp_path / "shallow"))

    assert (finding.slug, finding.evidence["count"]) == ("adapter-keys-ignored", 14)


@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning")
@pytest.mark.parametrize(
    "options", [{}, {"modules_to_save": ["lm_head"]}, {"use_dora": True}, {"bias": "all"}], ids=str
)
def test_healthy_twin_is_left_alone(tmp_path: Path, options: dict[str, Any]) -> None:
    """Names as PEFT writes them."""
    assert inspect_adapter(support.write_adapter(tmp_path, manifest=False, **options)).verdict() == "passed"
