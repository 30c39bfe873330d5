"""Names on disk are sorted as PEFT reads them: parts of modules, what belongs beside them, what would be dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from unsilent.lora_intent import read_intent
from unsilent.lora_layout import Layout, lay_out
from unsilent.tensor_files import read_tensors

BASE = "base_model.model."
PAIR: dict[str, tuple[int, ...]] = {f"{BASE}m.0.q.lora_A.weight": (4, 6), f"{BASE}m.0.q.lora_B.weight": (8, 4)}


def laid_out(folder: Path, shapes: dict[str, tuple[int, ...]], **config: Any) -> Layout:  # noqa: ANN401 - of a configuration
    """Lay out tensors of these shapes under a configuration."""
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, folder / "x")
    intent = read_intent({"peft_type": "LORA", "r": 4, "target_modules": ["q"]} | config)
    return lay_out(read_tensors(folder / "x"), intent)


def test_pair_is_a_module(tmp_path: Path) -> None:
    """Both factors, nothing strange, its rank and scale."""
    layout = laid_out(tmp_path, PAIR)

    assert list(layout.modules) == ["m.0.q"]
    assert (layout.strange, layout.lacking, layout.misshapen) == ({}, [], {})
    assert (layout.ranks, layout.scales) == ({"m.0.q": 4}, {"m.0.q": 2.0})


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("m.0.q.lora_A.weight", "without the prefix base_model.model."),
        (f"{BASE}{BASE}m.0.q.lora_A.weight", "with the prefix base_model.model. twice"),
        (f"{BASE}score.modules_to_save.weight", "with modules_to_save in it"),
        (f"{BASE}m.10000.q.lora_A.weight", "layer 10000, which no model has"),
        (f"{BASE}m.0.q.lora_A.default.weight", r"lora_A\.default\.weight is no part of LORA"),
        (f"{BASE}m.0.q.lora_C.weight", r"lora_C\.weight is no part"),
        (f"{BASE}m.0.q.lora_A", "lora_A is no part of LORA"),
        (f"{BASE}m.0.k.lora_A.weight", "the configuration does not ask for it"),
        (f"{BASE}m.0.q.weight", "neither the adapter's nor a module that is saved whole"),
        (f"{BASE}m.0.norm.bias", "neither the adapter's"),
        (f"{BASE}m.0.q.lora_magnitude_vector", "use_dora is not set"),
        (f"{BASE}m.0.q.lora_B.bias", "lora_bias is not set"),
        (f"{BASE}embed_tokens.token_adapter.trainable_tokens_delta", "neither"),
    ],
)
def test_strange_names_are_named(tmp_path: Path, name: str, why: str) -> None:
    """One strange tensor beside a good pair, with the reason."""
    layout = laid_out(tmp_path, PAIR | {name: (8,)})

    assert list(layout.strange) == [name]
    assert pytest.approx(1) == len(layout.strange)
    with pytest.raises(AssertionError, match=why):
        assert not layout.strange, layout.strange[name]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        (f"{BASE}m.embed_tokens.weight", {}),
        (f"{BASE}lm_head.base_layer.weight", {}),
        (f"{BASE}score.weight", {"modules_to_save": ["classifier", "score"]}),
        (f"{BASE}m.0.input_layernorm.weight", {"modules_to_save": ["norm"]}),
        (f"{BASE}m.0.head.dense.bias", {"modules_to_save": ["head"]}),
        (f"{BASE}m.0.ln.bias", {"bias": "all"}),
        (f"{BASE}m.embed_tokens.token_adapter.trainable_tokens_delta", {"trainable_token_indices": [1]}),
        (f"{BASE}m.0.q.lora_diag.weight", {"kasa_config": {"beta": 1}}),
    ],
    ids=lambda value: value.removeprefix(BASE) if isinstance(value, str) else "",
)
def test_what_belongs_beside_the_adapter_is_no_stranger(tmp_path: Path, name: str, config: dict[str, Any]) -> None:
    """Modules saved whole, embeddings, biases, single tokens, the tensors of LoRA's variants."""
    layout = laid_out(tmp_path, PAIR | {name: (8,)}, **config)

    assert (list(layout.saved), layout.strange, layout.misshapen) == ([name], {}, {})


def test_tied_head_follows_the_embedding(tmp_path: Path) -> None:
    """With weights tied on purpose PEFT adapts the other end as well, although no target names it."""
    tied: dict[str, tuple[int, ...]] = {
        f"{BASE}{end}.{part}": (4, 4)
        for end in ("embed_tokens", "lm_head")
        for part in ("lora_A.weight", "lora_B.weight")
    }

    assert laid_out(tmp_path, tied, target_modules=["lm_head"], ensure_weight_tying=True).strange == {}
    assert len(laid_out(tmp_path, tied, target_modules=["lm_head"]).strange) == 2
    assert len(laid_out(tmp_path, tied, target_modules=["q"], ensure_weight_tying=True).strange) == 4


@pytest.mark.parametrize(
    ("shapes", "config", "lacking"),
    [
        ({"lora_A.weight": (4, 6)}, {}, ["lora_B.weight"]),
        ({"lora_B.weight": (8, 4)}, {}, ["lora_A.weight"]),
        ({"lora_embedding_A": (4, 9)}, {}, ["lora_embedding_B"]),
        ({"lora_A.weight": (4, 6), "lora_B.weight": (8, 4)}, {"use_dora": True}, ["lora_magnitude_vector"]),
        ({"lora_A.weight": (4, 6), "lora_B.weight": (8, 4)}, {"lora_bias": True}, ["lora_B.bias"]),
        ({"lora_A": (4, 6), "lora_B": (8, 4)}, {"peft_type": "ADALORA"}, ["lora_E"]),
    ],
    ids=["B", "A", "embedding", "DoRA", "bias", "AdaLoRA"],
)
def test_parts_that_lack_are_named(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], config: dict[str, Any], lacking: list[str]
) -> None:
    """By the names that they would have."""
    layout = laid_out(tmp_path, {f"{BASE}m.0.q.{part}": shape for part, shape in shapes.items()}, **config)

    assert layout.lacking == [f"{BASE}m.0.q.{part}" for part in lacking]


@pytest.mark.parametrize(
    ("shapes", "config", "why"),
    [
        ({"lora_A.weight": (8, 3), "lora_B.weight": (8, 4)}, {}, "8 rows, where the configuration says r = 4"),
        ({"lora_A.weight": (8, 6), "lora_B.weight": (8, 8)}, {}, "8 rows, where"),
        ({"lora_A.weight": (4, 6), "lora_B.weight": (16, 2)}, {}, "does not fit"),
        ({"lora_A.weight": (24,), "lora_B.weight": (8, 4)}, {}, r"\[24\], where a matrix was expected"),
        ({"lora_A.weight": (4, 6), "lora_B.weight": (8, 4, 1)}, {}, "does not fit .* of the other factor"),
        ({"lora_A": (4, 6), "lora_B": (8, 3), "lora_E": (4, 1)}, {"peft_type": "ADALORA"}, "does not fit"),
        ({"lora_A": (4, 6), "lora_B": (8, 4), "lora_E": (1, 4)}, {"peft_type": "ADALORA"}, r"where \[4, 1\]"),
        ({"lora_A.weight": (4, 6), "lora_B.weight": (8, 4), "lora_magnitude_vector": (2, 4)}, {"use_dora": True},
         "where 8 values were expected"),
        ({"lora_A.weight": (4, 6), "lora_B.weight": (8, 4), "lora_magnitude_vector": (1, 8)}, {"use_dora": True},
         "where 8 values were expected"),
        ({"lora_A.weight": (4, 6), "lora_B.weight": (8, 4), "lora_B.bias": (7,)}, {"lora_bias": True}, "where 8"),
        ({"lora_A.weight": (6, 6), "lora_B.weight": (8, 6)}, {"rank_pattern": {"q": 5}}, "says r = 5"),
        ({"lora_A.weight": (4, 6, 3), "lora_B.weight": (8, 3, 1)}, {}, "does not fit"),
    ],
    ids=["rows", "another rank", "columns", "row", "axes", "AdaLoRA", "its E", "magnitude", "its axes", "bias",
         "pattern", "convolution"],
)  # fmt: skip
def test_shapes_that_cannot_be_are_named(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], config: dict[str, Any], why: str
) -> None:
    """Against the configuration, and against each other."""
    layout = laid_out(tmp_path, {f"{BASE}m.0.q.{part}": shape for part, shape in shapes.items()}, **config)

    with pytest.raises(AssertionError, match=why):
        assert not layout.misshapen, layout.misshapen


def test_siblings_read_the_same_input(tmp_path: Path) -> None:
    """q, k and v of one block; a convolution in groups has fewer columns and is right."""
    sizes = {"q_proj": 6, "k_proj": 6, "v_proj": 7, "o_proj": 9}
    shapes: dict[str, tuple[int, ...]] = {
        f"{BASE}m.self_attn.{name}.lora_A.weight": (4, n) for name, n in sizes.items()
    }
    shapes |= {f"{BASE}m.self_attn.{name}.lora_B.weight": (8, 4) for name in sizes}
    shapes |= {f"{BASE}m.conv.lora_A.weight": (4, 6, 3), f"{BASE}m.conv.lora_B.weight": (8, 2, 1)}
    layout = laid_out(tmp_path, shapes, target_modules=[*sizes, "conv"])

    assert layout.misshapen == {
        f"{BASE}m.self_attn.v_proj.lora_A.weight": "[4, 7], where q_proj beside it reads the same input with [4, 6]"
    }


@pytest.mark.parametrize(
    ("rows", "config", "is_wrong"),
    [(12, {}, False), (10, {}, True), (10, {"rank_pattern": {"x": 5}}, False), (10, {"use_qalora": True}, False)],
)
def test_experts_stack_their_ranks(tmp_path: Path, rows: int, config: dict[str, Any], is_wrong: bool) -> None:  # noqa: FBT001
    """LoRA on a parameter of experts has one block of ranks for each, so any multiple is right."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{BASE}m.0.experts.lora_A.weight": (rows, 6),
        f"{BASE}m.0.experts.lora_B.weight": (8, rows),
    }
    layout = laid_out(tmp_path, shapes, target_parameters=["experts.up"], **config)

    assert bool(layout.misshapen) == is_wrong


def test_module_inside_an_adapted_one_is_its_base_layer(tmp_path: Path) -> None:
    """Of two parameters of one module PEFT wraps the first and then the wrapper; another name has no place in it."""
    config: dict[str, Any] = {"target_modules": [], "target_parameters": ["q"]}
    inner = {name.replace("m.0.q", "m.0.q.base_layer"): shape for name, shape in PAIR.items()}
    other = {name.replace("m.0.q", "m.0.q.base_layer_"): shape for name, shape in PAIR.items()}

    assert not laid_out(tmp_path, PAIR | inner, **config).strange
    assert "inside m.0.q, which has an adapter" in next(
        iter(laid_out(tmp_path, PAIR | other, **config).strange.values())
    )
