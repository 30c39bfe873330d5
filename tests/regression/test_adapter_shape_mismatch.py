"""Tensors that do not fit their configuration, each other, or the base are found before loading fails over them."""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import support
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from unsilent import inspect_adapter

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("adapter-shape-mismatch"),
    pytest.mark.usefixtures("children_at_home"),
]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter of rank 4."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def test_fault_is_real(adapter: Path) -> None:
    """PEFT builds an adapter of rank 8 and cannot put the tensors into it."""
    faults.change_rank(adapter, 8)

    with pytest.raises(RuntimeError, match="size mismatch"):
        PeftModel.from_pretrained(support.tiny_model(), str(adapter))


@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_check_finds_it(adapter: Path, quick: bool) -> None:  # noqa: FBT001
    """The first tensor, both numbers, and how many; headers are enough."""
    faults.change_rank(adapter, 8)
    finding = support.only_finding(inspect_adapter(adapter, quick=quick))

    assert finding.slug == "adapter-shape-mismatch"
    assert "[4, 64]: 4 rows, where the configuration says r = 8 (28 of 28 tensors)" in finding.message
    assert finding.evidence["count"] == 28


def test_check_finds_one_tensor_of_another_rank(adapter: Path) -> None:
    """A header that says [8, 16] where [4, 32] was written: the same bytes, another matrix."""
    faults.change_header(adapter / "adapter_model.safetensors", "[4,32]", "[8,16]")
    finding = support.only_finding(inspect_adapter(adapter))

    assert (finding.slug, finding.evidence["count"]) == ("adapter-shape-mismatch", 2)


def test_check_finds_another_bases_shapes(adapter: Path, tmp_path: Path) -> None:
    """Nothing in the folder is wrong; the base it should be loaded on is wider."""
    wide = LlamaConfig(vocab_size=259, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
                       num_attention_heads=4, num_key_value_heads=2)  # fmt: skip
    LlamaForCausalLM(wide).save_pretrained(tmp_path / "wide")
    (tmp_path / "wide" / "model.safetensors").unlink()
    (tmp_path / "wide" / "config.json").write_text(
        wide.to_json_string().replace("{", '{"architectures": ["LlamaForCausalLM"],', 1)
    )
    finding = support.only_finding(inspect_adapter(adapter, base=tmp_path / "wide"))

    assert finding.slug == "adapter-shape-mismatch"
    assert "where the base has [4, 64]" in str(finding.evidence["tensors"])
    assert inspect_adapter(adapter).verdict() == "passed"


def test_healthy_twin_is_left_alone(adapter: Path, tiny_base: Path) -> None:
    """On its own base everything fits."""
    assert inspect_adapter(adapter, base=tiny_base).verdict() == "passed"


@pytest.mark.parametrize("pattern", [{"q_proj": 8}, {r".*layers\.1\..*": 2}], ids=str)
def test_ranks_by_pattern_are_healthy(tmp_path: Path, pattern: dict[str, int]) -> None:
    """Other ranks for some modules, as the configuration says."""
    support.write_adapter(tmp_path, manifest=False, rank_pattern=pattern)

    assert inspect_adapter(tmp_path).verdict() == "passed"
