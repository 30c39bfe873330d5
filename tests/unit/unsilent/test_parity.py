"""What the live model says is written down in plain JSON, and held against the reloaded one."""

from __future__ import annotations

import copy
import json
import math

import pytest
import support
import torch

from unsilent.parity import BOUNDS, check_dtype, check_reload, dtype_of, is_finite, record_logits

PROMPTS = ["How many?", "How many of them are there?"]


@pytest.fixture
def model() -> torch.nn.Module:
    """A tiny model with a trained adapter, in training mode."""
    adapted: torch.nn.Module = support.tiny_adapter().train()
    return adapted


def test_recording_is_plain_json(model: torch.nn.Module) -> None:
    """For each prompt: its tokens, and the 16 largest logits at eight positions."""
    recorded = record_logits(model, support.tiny_tokenizer(), PROMPTS)
    first = recorded["asked"][0]

    assert json.loads(json.dumps(recorded)) == recorded
    assert recorded["dtype"] == "float32"
    assert (len(first["ids"]) - first["begin"], len(first["top"]), len(first["top"][0])) == (8, 8, 16)
    assert [top[0][0] for top in first["top"]] == first["ids"][first["begin"] :]


def test_recording_leaves_no_trace(model: torch.nn.Module) -> None:
    """Mode, gradients and random state are what they were."""
    model.eval()
    list(model.modules())[3].train()
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    record_logits(model, support.tiny_tokenizer(), PROMPTS)

    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()


def test_at_most_eight_prompts_are_asked(model: torch.nn.Module) -> None:
    """The end of training is not held up."""
    assert len(record_logits(model, support.tiny_tokenizer(), ["x"] * 20)["asked"]) == 8


def test_same_model_says_the_same(model: torch.nn.Module) -> None:
    """A copy passes; so does one in another dtype within that dtype's bound."""
    recorded = record_logits(model, support.tiny_tokenizer(), PROMPTS)

    assert check_reload(recorded, copy.deepcopy(model)).status == "passed"
    assert check_reload(recorded, copy.deepcopy(model).to(torch.float16)).status == "passed"


def test_unknown_dtype_gets_the_tightest_bound(model: torch.nn.Module) -> None:
    """A dtype nobody measured is held to fp32's bound."""
    recorded = record_logits(model, support.tiny_tokenizer(), PROMPTS) | {"dtype": "float64"}
    for one in recorded["asked"]:
        one["top"][0][0][1] += 1.0

    assert check_reload(recorded, model).evidence["bound"] == BOUNDS["float32"]


def test_nan_is_a_difference(model: torch.nn.Module) -> None:
    """A model that says NaN says something else, whatever the bound."""
    recorded = record_logits(model, support.tiny_tokenizer(), PROMPTS)
    model.get_parameter("base_model.model.model.norm.weight").data.fill_(math.nan)
    outcome = check_reload(recorded, model)

    assert outcome.status == "failed"
    assert math.isnan(float(str(outcome.evidence["largest"])))


def test_nothing_recorded_is_skipped(model: torch.nn.Module) -> None:
    """Without a recording nobody can say."""
    assert check_reload({}, model).reason == "no logits of the live model were recorded"


def test_another_vocabulary_is_skipped(model: torch.nn.Module) -> None:
    """Tokens that the model does not have cannot be asked."""
    recorded = {"dtype": "float32", "asked": [{"prompt": "x", "ids": [5000], "begin": 1, "top": []}]}

    assert "beyond this vocabulary of 259" in check_reload(recorded, model).reason


@pytest.mark.parametrize("name", ["fp32", "float32", "torch.float32"])
def test_dtype_has_many_spellings(model: torch.nn.Module, name: str) -> None:
    """All mean the same."""
    assert check_dtype(name, model).status == "passed"


def test_adapter_does_not_count_as_base() -> None:
    """An fp32 adapter on a bf16 base is a model in bf16; a module without weights has no dtype."""
    assert dtype_of(support.tiny_adapter(dtype=torch.bfloat16)) == "bfloat16"
    assert dtype_of(torch.nn.ReLU()) == "unknown"


MALFORMED: list[dict[str, object]] = [
    {"asked": "x"},
    {"dtype": "float32", "asked": "x"},
    {"dtype": "float32", "asked": [{"ids": [3]}]},
    {"dtype": "float32", "asked": [{"ids": [3, 4], "begin": 1, "top": [[]], "prompt": "x"}]},
    {"dtype": "float32", "asked": [{"ids": [3, 4], "begin": 1, "top": [], "prompt": "x"}]},
]


@pytest.mark.parametrize("recorded", MALFORMED, ids=["no dtype", "text", "no top", "no numbers", "no position"])
def test_malformed_records_are_skipped(model: torch.nn.Module, recorded: dict[str, object]) -> None:
    """Whatever a manifest from elsewhere holds: nothing is compared, and that is said."""
    assert check_reload(recorded, model).status == "skipped"


def test_empty_prompt_is_not_asked(model: torch.nn.Module) -> None:
    """There is no position to look at."""
    assert len(record_logits(model, support.tiny_tokenizer(), ["", "x"])["asked"]) == 1


def test_bf16_bound_finds_a_lost_layer() -> None:
    """In bf16, too, half an adapter is another model; rounding to bf16 alone is not."""
    model = support.tiny_adapter(dtype=torch.bfloat16)
    recorded = record_logits(model, support.tiny_tokenizer(), PROMPTS)
    wider = copy.deepcopy(model).float()
    for name, weight in model.named_parameters():
        if "lora_B" in name and "layers.1." in name:
            weight.data.zero_()

    assert check_reload(recorded, wider).status == "passed"
    assert check_reload(recorded, model).status == "failed"


def test_most_matrices_decide_the_dtype() -> None:
    """Large embeddings in fp32 do not make fp16 layers an fp32 model; integers make it a quantised one."""
    model = support.tiny_adapter(dtype=torch.float16)
    model.get_base_model().model.embed_tokens.float()
    model.get_base_model().lm_head.float()
    quantised = support.tiny_model()
    quantised.model.layers[0].mlp.up_proj.weight = torch.nn.Parameter(
        torch.zeros(64, 32, dtype=torch.uint8), requires_grad=False
    )

    assert check_dtype("fp32", model).evidence["loaded"] == "float16"
    assert check_dtype("fp32", quantised).status == "skipped"


def test_finite_records() -> None:
    """NaN in one logit is enough."""
    assert is_finite({"asked": [{"top": [[[1, 0.5]]]}]})
    assert not is_finite({"asked": [{"top": [[[1, 0.5]], [[1, math.nan]]]}]})


def test_recording_ends_with_the_text(model: torch.nn.Module) -> None:
    """What follows the end-of-text token was never learnt."""
    tokenizer = support.tiny_tokenizer()
    first = record_logits(model, tokenizer, ["x"])["asked"][0]
    tokenizer.eos_token_id = first["ids"][first["begin"] + 1]
    shorter = record_logits(model, tokenizer, ["x"])["asked"][0]

    assert len(shorter["top"]) <= 2
    assert shorter["top"] == first["top"][: len(shorter["top"])]


def test_one_position_may_not_differ_much(model: torch.nn.Module) -> None:
    """A difference that vanishes in the mean is found where it is."""
    recorded = record_logits(model, support.tiny_tokenizer(), ["x"] * 8)
    span = recorded["asked"][0]["top"][3][0][1] - recorded["asked"][0]["top"][3][-1][1]
    recorded["asked"][0]["top"][3][8][1] += 3.5 * BOUNDS["float32"] * span

    outcome = check_reload(recorded, model)
    assert (outcome.status, outcome.evidence["position"]) == ("failed", 3)
    assert float(str(outcome.evidence["mean"])) < BOUNDS["float32"]
