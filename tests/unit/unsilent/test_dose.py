"""What counts as an effect, with any method and kind of model; what cannot be told is not judged, nothing changes."""

from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING, Any

import adapter_kinds
import peft
import pytest
import support
import torch
import transformers
from peft import get_peft_model

from unsilent.dose import check_effect

if TYPE_CHECKING:
    from unsilent.outcome import Outcome

TOKENIZER = support.tiny_tokenizer()
ROWS: list[list[Any]] = [["How many cm are in 3 m? <answer>", "300</answer>"], ["What is 1 kg in g? <answer>", 1000.0]]
# Of all kinds in memory, one of each method; prompts have an effect from the start, some methods begin with noise.
METHODS = ["all-linear bf16", "DoRA", "modules to save", "GPT-2", "T5", "MoE", "target parameters", "classifier", "IA3",
           "LoHa", "AdaLoRA", "VeRA", "OFT", "norm layers", "trainable tokens"]  # fmt: skip
AT_ONCE = ["prompt", "prefix", "p-tuning", "FourierFT", "PiSSA"]


def adapted(name: str, dtype: torch.dtype | None = None) -> Any:  # noqa: ANN401 - a PEFT model
    """A fresh adapter of a kind, in memory."""
    kind = adapter_kinds.KINDS[name]
    torch.manual_seed(0)
    model = adapter_kinds.MODELS[kind.model]().to(dtype or kind.dtype)
    model.config.decoder_start_token_id = 0
    with warnings.catch_warnings(action="ignore"):  # what PEFT says of tied weights is not the subject
        return get_peft_model(model, getattr(peft, f"{kind.method}Config")(**kind.options))


def injected() -> Any:  # noqa: ANN401 - a model with layers of an adapter, which it does not know of
    """An adapter put in by PEFT's low-level call."""
    config = peft.LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False)
    return peft.inject_adapter_in_model(config, support.tiny_model())


def checked(model: Any, examples: Any = ROWS) -> Outcome:  # noqa: ANN401
    """The outcome, and no trace: weights, gradients, modes and random states are as before."""

    def trace() -> list[object]:
        tensors = [*model.parameters(), *model.buffers()]
        values = [tensor.detach().cpu().clone().view(torch.uint8) for tensor in tensors if tensor.ndim]
        return [
            [bytes(value.numpy()) for value in values],
            [(tensor.requires_grad, tensor.grad is None) for tensor in tensors],
            [(module.training, len(module._forward_hooks), len(vars(module))) for module in model.modules()],
            (random.getstate(), bytes(torch.get_rng_state().numpy())),
        ]

    before = trace()
    outcome = check_effect(model, TOKENIZER, examples)
    assert trace() == before
    return outcome


@pytest.mark.no_cover
@pytest.mark.parametrize("name", METHODS)
def test_effect_of_any_method_is_seen(name: str) -> None:
    """Untrained it has none, trained it has one, in training mode as in evaluation."""
    model = adapted(name)
    fresh = checked(model)
    adapter_kinds.as_trained(model, 0)

    assert (fresh.status, fresh.evidence["gap"]) == ("failed", 0)
    assert checked(model).status == "passed"


@pytest.mark.parametrize("name", AT_ONCE)
def test_method_that_begins_with_an_effect_passes(name: str) -> None:
    """Untrained or not: what it does to the answers is said."""
    outcome = checked(adapted(name))

    assert outcome.status == "passed"
    assert "log-likelihood of a token of the answers by dose: -" in outcome.message


def test_adapter_that_harms_has_an_effect() -> None:
    """It passes, and the message says that the answers are less likely."""
    model = adapted("all-linear fp32")
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-2, maximize=True)
    for prompt, answer in ROWS * 4:
        ids = torch.tensor([TOKENIZER(f"{prompt}{answer}")["input_ids"]])
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    assert checked(model).message.endswith("the adapter makes the answers less likely")


@pytest.mark.parametrize("seed", range(5))
def test_difference_that_may_be_rounding_is_not_judged(seed: int) -> None:
    """A fresh DoRA divides by the norm that it multiplies with, in 16 bits: nearly the base, and not quite."""
    torch.manual_seed(seed)
    config = peft.LoraConfig(use_dora=True, target_modules="all-linear", task_type="CAUSAL_LM")
    outcome = checked(get_peft_model(support.tiny_model(seed).to(torch.bfloat16), config))

    assert outcome.status == "skipped"
    assert "which may be rounding" in outcome.reason


def noisy(model: Any, noise: float) -> Any:  # noqa: ANN401
    """Each pass is a little different, as some kernels are."""
    generator = torch.Generator().manual_seed(0)
    model.get_output_embeddings().register_forward_hook(
        lambda module, inputs, output: output + noise * torch.rand(output.shape, generator=generator)
    )
    return model


def test_noise_of_the_machine_is_no_effect() -> None:
    """Two equal passes are the measure; an effect beyond it is one."""
    fresh = checked(noisy(adapted("all-linear fp32"), 1e-4))

    assert fresh.status == "failed"
    assert 0 < float(str(fresh.evidence["gap"])) <= float(str(fresh.evidence["bound"]))
    trained = noisy(adapted("all-linear fp32"), 1e-4)
    adapter_kinds.as_trained(trained, 0)
    assert checked(trained).status == "passed"


def test_texts_are_enough() -> None:
    """Whole texts, whose every token counts; a decoder behind an encoder is asked for the text it was given."""
    for name in ("all-linear fp32", "T5"):
        model = adapted(name)
        adapter_kinds.as_trained(model, 0)
        assert "at 0.5" in checked(model, ["3 m are 300 cm", ""]).message


def test_classes_have_no_likelihood() -> None:
    """Logits of classes, or of tokens in fewer classes than the vocabulary has, differ or not."""
    for name, task in (("LlamaForSequenceClassification", "SEQ_CLS"), ("LlamaForTokenClassification", "TOKEN_CLS")):
        config = transformers.LlamaConfig(**adapter_kinds.SIZES, num_labels=3)
        model = get_peft_model(
            getattr(transformers, name)(config),
            peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type=task),
        )
        assert checked(model).evidence["log_likelihood"] == {}
        adapter_kinds.as_trained(model, 0)
        assert (checked(model).status, checked(model).message) == ("passed", "")


def test_no_active_adapter_is_named() -> None:
    """All of them are loaded and none takes part."""
    model = adapted("all-linear fp32")
    adapter_kinds.as_trained(model, 0)
    model.base_model.set_adapter([])
    outcome = checked(model)

    assert outcome.status == "failed"
    assert "no adapter is active of default" in outcome.message


def test_only_some_layers_with_an_effect_are_an_effect() -> None:
    """One layer is enough; and so is one adapter of two."""
    model = adapted("all-linear fp32")
    model.add_adapter("second", model.peft_config["default"])
    model.base_model.set_adapter(["default", "second"])
    with torch.no_grad():
        model.base_model.model.model.layers[2].mlp.up_proj.lora_B["second"].weight.add_(0.1)

    assert checked(model).status == "passed"


def merged() -> Any:  # noqa: ANN401
    """Its adapter is in the weights."""
    model = adapted("all-linear fp32")
    adapter_kinds.as_trained(model, 0)
    model.merge_adapter()
    return model


def undefined() -> Any:  # noqa: ANN401
    """Its adapter is NaN."""
    model = adapted("all-linear fp32")
    with torch.no_grad():
        next(weight for name, weight in model.named_parameters() if "lora_B" in name).fill_(torch.nan)
    return model


def broken() -> Any:  # noqa: ANN401
    """It raises."""
    model = adapted("all-linear fp32")
    model.get_output_embeddings().register_forward_pre_hook(lambda module, inputs: 1 / 0)
    return model


SKIPPED = {
    "no adapter": (support.tiny_model, ROWS, "no adapter is in the model"),
    "merged": (merged, ROWS, "merged into the weights"),
    "NaN": (undefined, ROWS, "the logits are NaN"),
    "raises": (broken, ROWS, "could not be asked (ZeroDivisionError"),
    "no rows": (support.tiny_adapter, [], "no example holds two tokens"),
    "one token": (support.tiny_adapter, ["x"], "no example holds two tokens"),
    "base of an adapter": (lambda: support.tiny_adapter().get_base_model(), ROWS, "No adapter loaded"),
    "injected": (injected, ROWS, "No adapter loaded"),
    "no examples": (support.tiny_adapter, [3.0], "could not be asked (TypeError"),
}


@pytest.mark.parametrize(("build", "rows", "reason"), SKIPPED.values(), ids=SKIPPED.keys())
def test_what_cannot_be_told_is_skipped(build: Any, rows: Any, reason: str) -> None:  # noqa: ANN401
    """With the reason."""
    outcome = checked(build(), rows)

    assert outcome.status == "skipped"
    assert reason in outcome.reason


@pytest.mark.no_cover
def test_wrapped_model_is_asked_inside() -> None:
    """As parallel training or compilation wraps it."""
    assert checked(torch.nn.DataParallel(support.tiny_adapter())).status == "passed"
    assert checked(torch.compile(support.tiny_adapter(), backend="eager")).status == "passed"


def test_settings_of_the_tokenizer_are_kept() -> None:
    """A fast tokenizer remembers how it last cut and padded."""
    TOKENIZER(["a", "bc"], padding=True, truncation=True, max_length=7)
    before = TOKENIZER._tokenizer.padding, TOKENIZER._tokenizer.truncation
    checked(support.tiny_adapter())

    assert (TOKENIZER._tokenizer.padding, TOKENIZER._tokenizer.truncation) == before
