"""An adapter that is put on another base than it was trained on is found by what its manifest says.

Where the shapes fit, PEFT loads it, and the answers are nonsense.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import support
import torch
from peft import PeftModel
from transformers import GPT2Config, GPT2LMHeadModel

from unsilent import inspect_adapter
from unsilent.manifest import write_manifest

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("adapter-base-mismatch"),
    pytest.mark.usefixtures("children_at_home"),
]

IDS = torch.arange(12)[None] + 3


def test_fault_is_real(tmp_path: Path) -> None:
    """On a base of the same shapes it loads without a word, and says something else."""
    folder = support.write_adapter(tmp_path, manifest=False)
    with torch.no_grad():
        right = PeftModel.from_pretrained(support.tiny_model(), str(folder)).eval()(input_ids=IDS).logits
        wrong = PeftModel.from_pretrained(support.tiny_model(seed=1), str(folder)).eval()(input_ids=IDS).logits

    assert not torch.allclose(right, wrong, atol=0.1)


def test_check_finds_another_name(tmp_path: Path) -> None:
    """The manifest says which base it was; the configuration, changed before it was sealed, says another."""
    support.write_adapter(tmp_path, "org/right", manifest=False)
    faults.name_another_base(tmp_path, "org/other")
    write_manifest(tmp_path, support.manifest_content("org/right"))
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert finding.slug == "adapter-base-mismatch"
    assert "Expected the base that the adapter was trained on, name org/right, but got org/other" in finding.message
    assert finding.evidence == {"name": {"trained": "org/right", "found": "org/other"}}


def test_check_finds_another_configuration_of_the_base(tiny_base: Path, tmp_path: Path) -> None:
    """The base that is asked is not the one whose hash was written down."""
    support.write_adapter(tmp_path / "sft", "tiny", manifest=False)
    trained_on = {"name": "tiny", "revision": None, "config_sha256": "0" * 64}
    write_manifest(tmp_path / "sft", support.manifest_content() | {"base": trained_on})
    finding = support.only_finding(inspect_adapter(tmp_path / "sft", base=tiny_base))

    assert finding.slug == "adapter-base-mismatch"
    assert list(finding.evidence) == ["config_sha256"]


def test_check_finds_a_base_that_cannot_take_it(tmp_path: Path) -> None:
    """Another architecture has none of the modules: PEFT refuses, and says which."""
    support.write_adapter(tmp_path / "sft", "org/right", manifest=False)
    GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=259)).save_pretrained(tmp_path / "gpt2")
    finding = support.only_finding(inspect_adapter(tmp_path / "sft", base=tmp_path / "gpt2"))

    assert finding.slug == "adapter-base-mismatch"
    assert "Expected a base that takes this adapter, but got one on which PEFT" in finding.message
    assert "it names 'org/right'" in finding.message


def test_edited_later_it_stands_under_the_edit(tmp_path: Path) -> None:
    """A configuration changed after training is first of all changed."""
    support.write_adapter(tmp_path, "org/right")
    faults.name_another_base(tmp_path, "org/other")
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert (finding.slug, finding.symptoms) == ("adapter-overwritten", ("adapter-base-mismatch",))


@pytest.mark.no_cover
def test_healthy_twin_is_left_alone(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """A run of this library, asked with the base it was trained on."""
    support.train_tiny(tiny_base, tmp_path / "sft")
    found = {one.slug: one.status for one in inspect_adapter(tmp_path / "sft", base=tiny_base).outcomes}

    assert found["adapter-base-mismatch"] == "passed"
    assert set(found.values()) == {"passed"}


def test_without_a_manifest_nobody_knows(tmp_path: Path) -> None:
    """A name alone proves nothing: skipped, with the name."""
    support.write_adapter(tmp_path, "org/right", manifest=False)
    found = {one.slug: one for one in inspect_adapter(tmp_path).outcomes}

    assert "of its base the adapter says 'org/right' and no more" in found["adapter-base-mismatch"].reason
