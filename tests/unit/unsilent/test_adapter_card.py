"""The card says what an adapter is, for people and for programs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import faults
import pytest
import support

from unsilent import inspect_adapter


def test_card_of_a_trained_adapter(tmp_path: Path) -> None:
    """Every line of it."""
    card = inspect_adapter(support.write_adapter(tmp_path, "org/base", target_modules=["q_proj", "v_proj"])).cards[0]

    assert card.lines[:5] == (
        "base         org/base",
        "method       LORA, rank 4, alpha 8",
        "targets      q_proj, v_proj",
        "weights      896 parameters in 8 tensors, float32, 0.0 MB",
        card.lines[4],
    )
    assert card.lines[4].startswith("update norm  ")
    assert card.lines[5:] == (
        "trained      yes",
        "manifest     agrees",
        "coverage     4 modules, 2 layers x 2 names",
        "  self_attn.q_proj  ##",
        "  self_attn.v_proj  ##",
    )


def test_card_is_plain_json(tmp_path: Path) -> None:
    """With the numbers behind the lines."""
    content = inspect_adapter(support.write_adapter(tmp_path, target_modules=["q_proj"])).cards[0].content

    assert json.loads(json.dumps(content)) == content
    assert (content["rank"], content["parameters"], content["dtypes"]) == (4, 512, ["float32"])
    assert content["coverage"] == {"self_attn.q_proj": [0, 1]}
    spread = content["update_norm"]
    assert isinstance(spread, dict)
    assert spread["smallest"][1] <= spread["median"] <= spread["largest"][1]


def test_card_holds_the_norm_of_every_module(tmp_path: Path) -> None:
    """A row a module, a column a layer; the squares of a layer add up to the layer's; absent is None, NaN a word."""
    support.write_adapter(tmp_path, manifest=False, target_modules=["q_proj", "v_proj"])
    whole = inspect_adapter(tmp_path).cards[0].content
    faults.drop_tensors(tmp_path, "layers.1.self_attn.v_proj")
    faults.write_value(tmp_path, math.nan, "layers.0.self_attn.v_proj.lora_B")
    norms, broken = whole["update_norms"], inspect_adapter(tmp_path).cards[0].content["update_norms"]

    assert isinstance(norms, dict)
    assert isinstance(broken, dict)
    assert (norms["names"], norms["layers"]) == (["self_attn.q_proj", "self_attn.v_proj"], [0, 1])
    layers = sorted(math.hypot(*column) for column in zip(*norms["values"], strict=True))
    spread = whole["update_norm"]
    assert isinstance(spread, dict)
    assert layers == pytest.approx([spread["smallest"][1], spread["largest"][1]], rel=1e-4)
    assert broken["values"] == [norms["values"][0], ["nan", None]]


def test_card_draws_no_more_than_can_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names in two layers, where three places are the limit."""
    support.write_adapter(tmp_path, manifest=False, target_modules=["q_proj", "v_proj"])
    monkeypatch.setattr("unsilent.adapter_card.MOST_CELLS", 3)

    assert inspect_adapter(tmp_path).cards[0].content["update_norms"] is None


def test_card_of_what_is_not_known(tmp_path: Path) -> None:
    """Another method, found below the folder, not trained, changed since: each in words."""
    folder = support.write_adapter(tmp_path / "run" / "checkpoint-7")
    faults.forget_training(folder)
    untrained = inspect_adapter(tmp_path / "run").cards[0]
    (folder / "manifest.json").write_text("{")
    faults.change_config(folder, peft_type="NEW", base_model_name_or_path=None, target_modules=None)
    faults.rename_tensors(folder, "lora_", "new_")
    unknown = inspect_adapter(folder).cards[0].lines

    assert untrained.lines[0] == "found        checkpoint-7, the last of 1 checkpoints"
    assert "trained      no: it adds nothing" in untrained.lines
    assert "manifest     disagrees: adapter_model.safetensors" in untrained.lines
    assert [line for line in unknown if line.startswith(("base", "method", "trained"))] == [
        "base         not said", "method       NEW", "trained      not known"
    ]  # fmt: skip
    assert any(line.startswith("manifest     unusable: ") for line in unknown)


def test_card_names_variants_and_many_targets(tmp_path: Path) -> None:
    """DoRA, rsLoRA, ranks by pattern; of long lists the first names."""
    support.write_adapter(tmp_path, manifest=False, use_dora=True, use_rslora=True, rank_pattern={"q_proj": 2})
    lines = inspect_adapter(tmp_path).cards[0].lines

    assert "method       LORA (DoRA, rsLoRA), rank 4, q_proj 2, alpha 8" in lines
    assert any(line.startswith("targets") and line.endswith("and 6 more") for line in lines)


@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning")
def test_card_of_an_embedding(tmp_path: Path) -> None:
    """What stands outside of layers is one mark; a configuration without a method says so."""
    support.write_adapter(tmp_path, manifest=False, target_modules=["embed_tokens"], modules_to_save=["lm_head"])
    lines = inspect_adapter(tmp_path).cards[0].lines
    faults.change_config(tmp_path, peft_type=...)

    assert lines[-2:] == ("coverage     1 modules, 0 layers x 0 names", "  model.embed_tokens  #")
    assert "saved whole  lm_head" in lines
    assert "method       not said" in inspect_adapter(tmp_path).cards[0].lines


def test_stacks_have_rows_of_their_own(tmp_path: Path) -> None:
    """A hole in the decoder is not hidden by the encoder."""
    support.write_adapter(tmp_path, manifest=False, target_modules=["q_proj"])
    faults.rename_tensors(tmp_path, "model.layers.1.", "decoder.layers.1.")  # order is that of the file
    lines = inspect_adapter(tmp_path).cards[0].lines

    assert lines[-2:] == ("  decoder.layers.*.self_attn.q_proj  .#", "  model.layers.*.self_attn.q_proj    #.")


def test_long_rows_are_cut(tmp_path: Path) -> None:
    """A grid of a hundred layers stays readable."""
    support.write_adapter(tmp_path, manifest=False, target_modules=["q_proj"])
    faults.rename_tensors(tmp_path, "layers.1.", "layers.150.")

    assert inspect_adapter(tmp_path).cards[0].lines[-1].endswith("...")
