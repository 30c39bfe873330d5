"""Checks of tensors: what the regression files leave open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
from safetensors.torch import load_file, save_file

from unsilent import base_shapes, inspect_adapter
from unsilent.manifest import write_manifest
from unsilent.outcome import Outcome

pytestmark = pytest.mark.usefixtures("children_at_home")


def outcomes(folder: Path, base: Path | None = None) -> dict[str, Outcome]:
    """Outcomes by slug."""
    return {one.slug: one for one in inspect_adapter(folder, base).outcomes}


def change_dtype(folder: Path, part: str, dtype: torch.dtype) -> None:
    """Save some tensors in another dtype."""
    path = folder / "adapter_model.safetensors"
    save_file({name: one.to(dtype) if part in name else one for name, one in load_file(path).items()}, path)


def test_two_16_bit_formats_in_one_adapter(tmp_path: Path) -> None:
    """A header that calls bf16 fp16 contradicts the others; fp32 beside 16 bits is usual."""
    support.write_adapter(tmp_path, manifest=False)
    change_dtype(tmp_path, "", torch.bfloat16)
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
    change_dtype(tmp_path, name, torch.float32)
    mixed = outcomes(tmp_path)["dtype-mismatch"].status
    change_dtype(tmp_path, name, torch.float16)
    found = outcomes(tmp_path)["dtype-mismatch"]

    assert (mixed, found.status) == ("skipped", "failed")
    assert (found.evidence["found"], found.evidence["tensors"]) == (["float16"], [name])


def test_some_untrained_modules_are_noticed(tmp_path: Path) -> None:
    """Not a finding: a module may have had no gradient, or none that counts."""
    support.write_adapter(tmp_path, manifest=False)
    faults.forget_training(tmp_path, keep="q_proj")

    assert outcomes(tmp_path)["adapter-untrained"].message.startswith("12 of 14 lora_B are zero, base_model.model")


def test_base_that_cannot_be_asked_decides_nothing(tmp_path: Path, tiny_base: Path, monkeypatch: Any) -> None:  # noqa: ANN401 - of pytest
    """The adapter alone is judged, and the reason is given."""
    support.write_adapter(tmp_path, manifest=False)
    monkeypatch.setattr(base_shapes, "_ask", lambda _: {"complaint": "an architecture that nobody knows"})
    found = outcomes(tmp_path, tiny_base)

    assert found["adapter-base-mismatch"].reason == "the base cannot be asked: an architecture that nobody knows"
    assert {found[f"adapter-{what}"].status for what in ("coverage", "keys-ignored", "shape-mismatch")} == {"passed"}


def test_other_methods_are_judged_by_their_base(tmp_path: Path, tiny_base: Path) -> None:
    """Without layout, names and shapes are still held against what PEFT makes of the base."""
    from peft import IA3Config, get_peft_model

    config = IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"], task_type="CAUSAL_LM")
    get_peft_model(support.tiny_model(), config).save_pretrained(tmp_path, save_embedding_layers=False)
    alone, healthy = outcomes(tmp_path), outcomes(tmp_path, tiny_base)
    faults.rename_tensors(tmp_path, "layers.1.mlp", "layers.1.mlq")
    found = outcomes(tmp_path, tiny_base)
    judged = ("adapter-coverage", "adapter-keys-ignored", "adapter-shape-mismatch")

    assert [alone[slug].status for slug in judged] == ["skipped"] * 3
    assert [healthy[slug].status for slug in judged] == ["passed"] * 3
    assert [found[slug].status for slug in judged] == ["failed", "failed", "passed"]


def test_coverage_without_a_module_is_skipped(tmp_path: Path) -> None:
    """Nothing is covered by what was never read."""
    support.write_adapter(tmp_path, manifest=False)
    faults.cut_file(tmp_path / "adapter_model.safetensors")

    assert outcomes(tmp_path)["adapter-coverage"].reason.startswith("cannot be read (")


def test_base_has_the_last_word(tmp_path: Path, tiny_base: Path) -> None:
    """Without targets PEFT chooses by architecture; names alone cannot tell which, and do not condemn."""
    support.write_adapter(tmp_path, manifest=False, target_modules=["q_proj", "v_proj"])
    faults.change_config(tmp_path, target_modules=None)

    assert inspect_adapter(tmp_path).verdict() == "passed"
    assert inspect_adapter(tmp_path, base=tiny_base).verdict() == "passed"


def test_configuration_that_peft_refuses(tmp_path: Path, tiny_base: Path) -> None:
    """What only PEFT itself knows to be wrong is found with a base."""
    support.write_adapter(tmp_path, manifest=False)
    faults.change_config(tmp_path, init_lora_weights="nonsense")

    on_base = support.only_finding(inspect_adapter(tmp_path, base=tiny_base))
    faults.change_config(tmp_path, init_lora_weights=True, layers_pattern="layers")
    anywhere = support.only_finding(inspect_adapter(tmp_path, base=tiny_base))

    assert (on_base.slug, anywhere.slug) == ("adapter-base-mismatch", "adapter-missing")
    assert "`layers_to_transform` must also be specified" in anywhere.message


def test_vocabulary_that_must_be_stated_is_said(tmp_path: Path, tiny_base: Path) -> None:
    """An adapter saved with more rows of embeddings than its base has: healthy, and worth a word."""
    model = support.tiny_adapter(target_modules=["q_proj"])
    model.resize_token_embeddings(262)
    model.save_pretrained(tmp_path, save_embedding_layers=True)
    write_manifest(
        tmp_path, support.manifest_content() | {"base": {"name": "x", "revision": None, "config_sha256": ""}}
    )

    assert outcomes(tmp_path, tiny_base)["adapter-base-mismatch"].message.startswith(
        "to be loaded with vocab_size of 262"
    )
