"""A configuration is read by PEFT's rules: asked of PEFT itself, and of files that no PEFT would write."""

from __future__ import annotations

from typing import Any

import pytest
from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key

from unsilent.lora_intent import read_intent

MODULES = [
    f"model.layers.{layer}.{name}"
    for layer in range(12)
    for name in ("self_attn.q_proj", "self_attn.k_proj", "mlp.gate_proj", "mlp.experts.1.up_proj")
] + ["lm_head", "model.embed_tokens", "encoder.block.3.layer.0.q", "h.1.attn.c_attn"]


@pytest.mark.parametrize(
    "fields",
    [
        {"target_modules": ["q_proj", "lm_head"]},
        {"target_modules": ["self_attn.q_proj", "model.layers.3.mlp.gate_proj", "nothing"]},
        {"target_modules": r".*layers\.(1|11)\..*proj"},
        {"target_modules": "lm_head"},
        {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": [1, 11]},
        {"target_modules": ["q_proj", "c_attn", "q"], "layers_to_transform": 3},
        {"target_modules": ["q_proj", "lm_head"], "layers_to_transform": [2], "layers_pattern": "layers"},
        {"target_modules": ["q_proj", "q"], "layers_to_transform": [3], "layers_pattern": ["nowhere", "block"]},
        {"target_modules": ["q_proj", "gate_proj"], "layers_to_transform": []},
        {"target_modules": ["q_proj", "gate_proj"], "exclude_modules": ["layers.0.mlp.gate_proj", "q_proj"]},
        {"target_modules": ["q_proj", "gate_proj"], "exclude_modules": r".*layers\.[0-8]\..*"},
        {"target_modules": ["q_proj", "gate_proj"], "modules_to_save": ["mlp"]},
        {"target_modules": ["experts.1.up_proj"]},
    ],
    ids=str,
)
def test_modules_are_those_that_peft_would_choose(fields: dict[str, Any]) -> None:
    """PEFT's own function is asked about every name."""
    config = LoraConfig(**fields)
    expected = {name for name in MODULES if check_target_module_exists(config, name)}

    assert read_intent({"peft_type": "LORA", **fields}).asks_for(MODULES) == expected


@pytest.mark.parametrize(
    "pattern",
    [{"q_proj": 4}, {"layers.1.self_attn.q_proj": 4, "q_proj": 16}, {r"layers\.1\d?\..*": 2}, {"^lm_head": 3}, {}],
    ids=str,
)
def test_rank_and_scale_are_those_that_peft_would_choose(pattern: dict[str, int]) -> None:
    """The first pattern that matches wins, for alpha as well."""
    intent = read_intent({"peft_type": "LORA", "r": 8, "lora_alpha": 32, "rank_pattern": pattern})
    ranks = intent.rank_of(MODULES)

    assert ranks == {name: pattern.get(get_pattern_key(pattern.keys(), name), 8) for name in MODULES}
    assert intent.scale_of(MODULES, ranks) == {name: 32 / rank for name, rank in ranks.items()}


def test_scale_of_rslora_and_of_a_pattern() -> None:
    """Over the root of the rank; alpha has patterns of its own."""
    intent = read_intent({"peft_type": "LORA", "r": 16, "lora_alpha": 8, "alpha_pattern": {"b": 4}, "use_rslora": True})

    assert intent.scale_of(["a", "x.b"], intent.rank_of(["a", "x.b"])) == {"a": 2.0, "x.b": 1.0}


def test_parameters_are_asked_for_by_their_module() -> None:
    """PEFT wraps the module once for each parameter; transformers may leave a parameter's name alone."""
    intent = read_intent(
        {"peft_type": "LORA", "target_modules": None, "target_parameters": ["mlp.experts.gate_up_proj"]}
    )
    bare = read_intent({"peft_type": "LORA", "target_parameters": ["gate_up_proj"], "target_modules": ["q_proj"]})
    names = ["l.0.mlp.experts", "l.0.mlp.experts.base_layer", "l.0.mlp.experts.base_layer.base_layer", "l.0.mlp.gate"]

    assert intent.asks_for(names) == set(names[:3])
    assert bare.asks_for(names) == set(names)
    assert bare.asked_by_name(["l.0.q_proj", names[0]]) == {"l.0.q_proj"}


def test_wrapper_within_a_wrapper_is_asked_for() -> None:
    """Torch's own attention: PEFT wraps the module, and its output projection within."""
    intent = read_intent({"peft_type": "LORA", "target_modules": ["attn"]})

    assert intent.asks_for(["v.attn", "v.attn.base_layer.out_proj", "v.mlp"]) == {
        "v.attn",
        "v.attn.base_layer.out_proj",
    }


def test_pattern_of_layer_names_is_not_followed() -> None:
    """PEFT takes it as a regular expression; which layers it means is left to the base."""
    fields = {"target_modules": ["q"], "layers_to_transform": [1], "layers_pattern": "lay.*"}

    assert read_intent({"peft_type": "LORA", **fields}).asks_for(["m.layers.0.q"]) == {"m.layers.0.q"}


def test_shorthand_is_every_module() -> None:
    """A configuration made by hand may hold PEFT's word instead of the names that it stands for."""
    intent = read_intent({"peft_type": "LORA", "target_modules": "all-linear"})

    assert intent.asks_for(MODULES) == set(MODULES)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"r": "8"}, "r is '8': must be a whole number above 0"),
        ({"r": True}, "r is True: must be"),
        ({"r": None}, "r is None: must be"),
        ({"r": 0}, "r is 0: must be"),
        ({"lora_alpha": [4]}, r"lora_alpha is \[4\]: must be a number"),
        ({"lora_alpha": float("nan")}, "lora_alpha is nan: must be a number"),
        ({"target_modules": [1]}, r"target_modules is \[1\]: names or one pattern"),
        ({"modules_to_save": "lm_head"}, "modules_to_save is 'lm_head': names"),
        ({"rank_pattern": {"q": "4"}}, "rank_pattern is .*: a table of whole numbers"),
        ({"layers_to_transform": ["1"]}, r"layers_to_transform is \['1'\]: numbers of layers"),
        ({"bias": "some"}, "bias is 'some': must be none, all or lora_only"),
        ({"target_modules": ".*q", "layers_to_transform": 1}, "stands beside target_modules as one pattern"),
        ({"peft_type": "TRAINABLE_TOKEN"}, "peft_type is 'TRAINABLE_TOKEN': no method, TRAINABLE_TOKENS nearly"),
        ({"peft_type": 5}, "peft_type is 5: must name a method"),
        ({"peft_type": None}, "peft_type is None: must name a method"),
    ],
    ids=str,
)  # fmt: skip
def test_fields_that_peft_cannot_use_are_complaints(fields: dict[str, Any], complaint: str) -> None:
    """Each by its name, with what was expected; the rest of the configuration is read all the same."""
    intent = read_intent({"peft_type": "LORA", "target_modules": ["q"], "r": 8} | fields)

    assert pytest.approx(8) == intent.rank
    with pytest.raises(AssertionError, match=complaint):
        assert not intent.complaints, intent.complaints[0]


def test_null_is_the_default() -> None:
    """What PEFT writes as null is no complaint; another method's fields are its own."""
    empty = dict.fromkeys(["target_modules", "exclude_modules", "modules_to_save", "rank_pattern", "layers_pattern"])

    assert read_intent({"peft_type": "LORA", **empty}).complaints == ()
    assert read_intent({"peft_type": "IA3", "r": "none"}).complaints == ()
    assert read_intent({"peft_type": "ADALORA", "init_r": 6, "rank_pattern": {"q": [True]}}).rank == 6
