"""What was lost is told from what was never meant, and from what a model may not have."""

from __future__ import annotations

from typing import Any

import pytest

from unsilent.lora_coverage import Coverage, cover
from unsilent.lora_intent import read_intent
from unsilent.lora_layout import PREFIX, Layout, Module

ATTENTION = [f"self_attn.{name}_proj" for name in "qkvo"]
FEED_FORWARD = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
SEVEN = [name.partition(".")[2] for name in ATTENTION + FEED_FORWARD]


SAVED = tuple(f"model.layers.0.{name}.weight" for name in FEED_FORWARD)


def layers(names: list[str], indices: Any, stack: str = "model.layers") -> list[str]:  # noqa: ANN401 - numbers
    """Names in each of these layers."""
    return [f"{stack}.{index}.{name}" for index in indices for name in names]


def covered(paths: list[str], targets: list[str] | str, saved: tuple[str, ...] = (), **config: Any) -> Coverage:  # noqa: ANN401
    """Cover modules under a configuration."""
    layout = Layout({path: Module(path, {}) for path in paths}, dict.fromkeys((PREFIX + name for name in saved), None))  # type: ignore[arg-type] # names alone count
    return cover(layout, read_intent({"peft_type": "LORA", "target_modules": targets} | config))


WHOLE = layers(ATTENTION + FEED_FORWARD, range(30))
HYBRID = [
    path
    for index in range(32)
    for path in layers((ATTENTION if index % 8 == 4 else ["mamba.in_proj"]) + FEED_FORWARD, [index])
]
DENSE_FIRST = layers([*ATTENTION, "mlp.gate_proj"], [0]) + layers(
    [*ATTENTION, "mlp.experts.0.gate_proj", "mlp.shared_experts.gate_proj"], range(1, 9)
)
DIFFUSION = [path for path in layers(["attn.to_q", "attn.to_add_out"], range(24), "transformer_blocks")
             if path != "transformer_blocks.23.attn.to_add_out"]  # fmt: skip
EXPERTS = layers(ATTENTION + FEED_FORWARD, [0]) + layers(
    [*ATTENTION, "mlp.gate", "mlp.experts", "mlp.experts.base_layer"], range(1, 9)
)
CROSS = [
    path
    for index in range(40)
    for path in layers(["cross_attn.q_proj" if index % 5 == 3 else "self_attn.q_proj"], [index])
]


@pytest.mark.parametrize(
    ("paths", "targets", "config"),
    [
        (WHOLE, SEVEN, {}),
        (WHOLE, [*SEVEN, "out_proj", "fc1", "query_key_value", "my_proj"], {}),
        (layers(ATTENTION, range(30)), ["q_proj", "k_proj", "v_proj", "o_proj"], {}),
        (layers(SEVEN, [1]), SEVEN, {"layers_to_transform": [1]}),
        (layers(ATTENTION, [5, 6]), r"model\.layers\.[56]\.self_attn\..*", {}),
        (layers(["mlp.down_proj"], [3]), ["model.layers.3.mlp.down_proj"], {}),
        (layers(FEED_FORWARD[:2], range(4)), FEED_FORWARD, {"exclude_modules": ["down_proj"]}),
        (layers(FEED_FORWARD[:2], range(4)), SEVEN[4:], {"exclude_modules": ".*down.*"}),
        (layers(ATTENTION, range(4)), SEVEN, {"modules_to_save": SEVEN[4:], "saved": SAVED}),
        (HYBRID, [*SEVEN, "in_proj"], {}),
        ([path for path in HYBRID if "mamba" in path], ["in_proj"], {}),
        ([path for path in HYBRID if "self_attn" in path], ["q_proj", "k_proj", "v_proj", "o_proj"], {}),
        (DENSE_FIRST, SEVEN[:5], {}),
        (CROSS, ["q_proj"], {}),
        (layers(["q_proj"], range(20)) + layers(["my_proj"], range(12)), ["q_proj", "my_proj"], {}),
        (layers(["q", "v"], range(6), "encoder.block") + layers(["q", "v"], range(3), "decoder.block"), ["q", "v"], {}),
        (layers(ATTENTION, range(8)), SEVEN, {}),
        (layers([*ATTENTION, "mlp.down_proj"], range(8)), SEVEN, {}),
        (layers([*ATTENTION, "mlp.up_proj", "mlp.down_proj"], range(8)), SEVEN, {}),
        (EXPERTS, SEVEN, {"target_parameters": ["mlp.experts.up", "mlp.experts.down"]}),
        (layers(ATTENTION, range(3)), ATTENTION, {"layers_to_transform": [0, 1, 2, 3, 4]}),
        (layers(ATTENTION, range(10)) + layers(ATTENTION[::3], range(10, 12)), ATTENTION, {}),
        (layers(["self_attn.q_proj", "self_attn.o_proj", *FEED_FORWARD], range(4)), SEVEN, {}),
        (layers(ATTENTION, range(4)), r".*self_attn.*", {}),
        (DIFFUSION, ["to_q", "to_add_out"], {}),
        (WHOLE, SEVEN, {"modules_to_save": ["lm_head", "my_head"], "saved": ("lm_head.weight",)}),
        (layers(ATTENTION, [1, 4]), ATTENTION, {"layers_to_transform": [1, 4], "layers_pattern": ""}),
        (layers(ATTENTION + FEED_FORWARD, range(5, 60, 6)), SEVEN, {}),
        (["lm_head", "model.embed_tokens"], ["lm_head", "embed_tokens"], {}),
        (layers(ATTENTION, range(3)), "all-linear", {}),
        ([], "all-linear", {}),
    ],
    ids=["all seven", "names of other models", "attention alone", "one layer", "a pattern", "a path", "an exclusion",
         "a pattern that excludes", "saved whole", "hybrid", "its mamba alone", "its attention alone",
         "a dense layer first", "cross attention", "the last layers share", "two stacks",
         "experts that are no layers", "fused gate", "no gate", "dense, then experts",
         "more layers than the model has", "keys and values shared", "latent keys", "a pattern of attention",
         "a diffusion transformer", "a head of one's own", "an empty pattern", "hybrid, every sixth", "no layers",
         "experts", "nothing"],
)  # fmt: skip
def test_what_was_meant_is_no_loss(paths: list[str], targets: list[str] | str, config: dict[str, Any]) -> None:
    """Healthy adapters of many models: nothing is lost."""
    assert covered(paths, targets, **config).lost == ()


@pytest.mark.parametrize(
    ("paths", "targets", "config", "first", "count"),
    [
        (WHOLE[:1], SEVEN, {}, "k_proj", 2),
        (WHOLE[:1], "all-linear", {}, "k_proj", 2),
        (WHOLE[:1], r"(?:.*?layers.*?(?:self_attn|mlp).*?(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj))",
         {}, "k_proj", 2),
        (["model.embed_tokens"], ["embed_tokens", "q_proj", "lm_head"], {}, "q_proj", 1),
        (layers(ATTENTION[:1], range(2)), ["q_proj", "v_proj", "lm_head"], {}, "lm_head", 2),
        (WHOLE[:100] + WHOLE[101:], SEVEN, {}, WHOLE[100], 1),
        ([path for path in WHOLE if ".7." not in path], SEVEN, {}, "model.layers.7.mlp.down_proj", 7),
        ([path for path in WHOLE if ".7.mlp" not in path], SEVEN, {}, "model.layers.7.mlp.down_proj", 3),
        (layers(ATTENTION, [1]), ATTENTION, {}, "model.layers.0.self_attn.k_proj", 4),
        (layers(ATTENTION + FEED_FORWARD, range(16, 32)), SEVEN, {}, "model.layers.0.mlp.down_proj", 112),
        (layers(ATTENTION + FEED_FORWARD, [31]), SEVEN, {}, "model.layers.0.mlp.down_proj", 217),
        (layers(ATTENTION + FEED_FORWARD, [0, 1, 31]), SEVEN, {}, "model.layers.10.mlp.down_proj", 203),
        (WHOLE[:7], WHOLE[:8], {}, "model.layers.1.self_attn.q_proj", 1),
        (layers(ATTENTION, [3]), ATTENTION, {"layers_to_transform": [1, 3, 99]}, "layer 1", 1),
        (layers(ATTENTION, [0]), ATTENTION, {"modules_to_save": ["lm_head"]}, "lm_head (saved whole)", 1),
        (ATTENTION, ATTENTION, {"modules_to_save": ["classifier", "score"]}, "classifier (saved whole)", 2),
        (layers(["mlp.experts", "mlp.experts.base_layer"], [0]), [],
         {"target_parameters": ["mlp.experts.up", "mlp.experts.down", "mlp.experts.gate"]}, "mlp.experts.gate", 1),
        (layers(["mlp.experts", "attn.c_attn"], [0]), ["c_attn", "c_proj"],
         {"target_parameters": ["mlp.experts.up", "mlp.gate.weight", "down_proj"]}, "c_proj", 2),
        (layers(ATTENTION, [0]), ATTENTION, {"trainable_token_indices": [7]}, "trainable tokens", 1),
        (layers(ATTENTION, range(2)) + layers(ATTENTION[:3], [2]) + layers(ATTENTION[3:], [31]), ATTENTION, {},
         "model.layers.2.self_attn.o_proj", 4),
        ([path for path in DENSE_FIRST if "4.mlp.experts" not in path] + layers(["mlp.experts.0.up_proj"], range(1, 9)),
         SEVEN[:6], {}, "model.layers.4.mlp.experts.0.gate_proj", 1),
    ],
    ids=["one module of seven", "one of all", "one of a pattern", "embeddings alone", "one of two", "one module",
         "a layer", "a block", "the first layer", "the first half", "all but the last", "all between", "a path",
         "a layer that is named", "saved whole", "neither head", "a parameter", "beside parameters", "tokens",
         "another layer's number", "one of an expert's"],
)  # fmt: skip
def test_losses_are_named(
    paths: list[str], targets: list[str] | str, config: dict[str, Any], first: str, count: int
) -> None:
    """By path where it is known, by name where none is there."""
    lost = covered(paths, targets, **config).lost

    assert (lost[0], len(lost)) == (first, count)


def test_head_of_a_classifier_is_one_of_two() -> None:
    """PEFT asks for classifier and score; a model has one of them."""
    coverage = covered(layers(ATTENTION, [0]), ATTENTION, ("score.weight",), modules_to_save=["classifier", "score"])

    assert coverage.lost == ()


def test_names_of_other_models_are_undecided() -> None:
    """Only the base can say whether it has such a module."""
    assert covered(WHOLE, [*SEVEN, "out_proj", "my_proj"]).undecided == ("my_proj", "out_proj")


def test_grid_has_a_row_for_each_name() -> None:
    """Layers from left to right; experts and other numbers are one row, what is outside of layers has a mark."""
    grid = covered([*layers(["mlp.experts.0.up", "mlp.experts.1.up"], [0, 2]), "lm_head"], ["up", "lm_head"]).as_grid()

    assert grid == ["mlp.experts.*.up  #.#", "lm_head           #"]
    assert Coverage({}, 0).as_grid() == []


def test_what_nobody_could_see_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither more places than a picture has room for, nor more losses than anybody reads."""
    monkeypatch.setattr("unsilent.lora_coverage.MOST_CELLS", 3)
    monkeypatch.setattr("unsilent.lora_coverage.MOST_PLACES", 1)
    found = covered(layers(ATTENTION + FEED_FORWARD, [0, 2]), ["q_proj", "up_proj"])

    assert found.as_grid() == ["7 names in 3 layers: too many to draw"]
    assert found.lost == ("model.layers.1.self_attn.q_proj",)
