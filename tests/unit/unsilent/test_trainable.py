"""What is trained is what PEFT saves, on every tuner; frozen, short and detached adapters are told apart."""

from __future__ import annotations

from typing import Any

import faults
import peft
import pytest
import support
import torch
import trainers

from unsilent import trainable

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*tie_word_embeddings:UserWarning",
    "ignore:Unsupported layer type:UserWarning",
    "ignore:.*was renamed from:UserWarning",  # PEFT, on tiny models
)

LINEAR = {"target_modules": "all-linear", "task_type": "CAUSAL_LM"}
TWO = {"target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
HEALTHY = {
    "LoRA": peft.LoraConfig(r=4, **LINEAR),
    "DoRA": peft.LoraConfig(r=4, use_dora=True, **LINEAR),
    "rsLoRA": peft.LoraConfig(r=4, use_rslora=True, **LINEAR),
    "rank_pattern": peft.LoraConfig(r=4, rank_pattern={"q_proj": 2}, **LINEAR),
    "modules_to_save": peft.LoraConfig(r=4, modules_to_save=["embed_tokens"], **TWO),
    "embeddings": peft.LoraConfig(r=4, target_modules=["embed_tokens", "q_proj"], task_type="CAUSAL_LM"),
    "trainable tokens": peft.LoraConfig(r=4, trainable_token_indices=[1, 2], **TWO),
    "bias": peft.LoraConfig(r=4, bias="all", **LINEAR),
    "IA3": peft.IA3Config(target_modules=["k_proj", "v_proj"], feedforward_modules=[], task_type="CAUSAL_LM"),
    "prompt tuning": peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    "LoHa": peft.LoHaConfig(r=4, **TWO),
    "LN tuning": peft.LNTuningConfig(task_type="CAUSAL_LM", target_modules=["input_layernorm"]),
    "VeRA": peft.VeraConfig(r=4, **TWO),
    "VB-LoRA": peft.VBLoRAConfig(r=4, num_vectors=8, vector_length=16, topk=2, **TWO),
}  # fmt: skip


@pytest.mark.parametrize("config", HEALTHY.values(), ids=HEALTHY.keys())
def test_what_peft_saves_may_be_trained(config: Any) -> None:  # noqa: ANN401 - PEFT's configurations
    """Every tuner's own parameters, modules to save and biases are meant to be trained."""
    model = peft.get_peft_model(support.tiny_model(), config)

    assert trainable.check_frozen_base(model).status == "passed"


@pytest.mark.parametrize("config", HEALTHY.values(), ids=HEALTHY.keys())
def test_what_peft_does_not_save_is_found(config: Any) -> None:  # noqa: ANN401
    """In each of them one trained weight of the base is named."""
    model = peft.get_peft_model(support.tiny_model(), config)
    name = faults.unfreeze_base(model, "layers.1.post_attention_layernorm.weight")

    assert trainable.check_frozen_base(model).evidence["parameters"] == [name]


def test_several_adapters_in_one_model() -> None:
    """Each adapter's parameters count as adapter, whichever is active."""
    model = peft.get_peft_model(support.tiny_model(), HEALTHY["LoRA"])
    model.add_adapter("second", peft.LoraConfig(r=2, **TWO))
    model.set_adapter("second")

    assert trainable.check_frozen_base(model).status == "passed"


def test_adapter_without_peft_model() -> None:
    """Transformers' own way of adding an adapter is judged alike."""
    model = support.tiny_model()
    model.add_adapter(HEALTHY["LoRA"])

    assert trainable.check_frozen_base(model).status == "passed"


def test_model_on_the_meta_device() -> None:
    """Without storage the parameters are told apart by identity."""
    with torch.device("meta"):
        model = peft.get_peft_model(support.tiny_model(), HEALTHY["LoRA"])

    assert trainable.check_frozen_base(model).status == "passed"


def test_full_fine_tuning_is_skipped() -> None:
    """Without an adapter the base is trained on purpose."""
    assert "full fine-tuning" in trainable.check_frozen_base(support.tiny_model()).reason


def test_adapter_that_peft_cannot_list_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT's own error becomes the reason."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(peft, "get_peft_model_state_dict", fail)

    assert "PEFT cannot list its adapter (KeyError" in trainable.check_frozen_base(support.tiny_adapter()).reason


def test_wrapped_model_is_looked_into() -> None:
    """DataParallel and its like hide the adapter behind one name."""
    model = support.tiny_adapter()
    faults.unfreeze_base(model)

    assert trainable.check_frozen_base(torch.nn.DataParallel(model)).status == "failed"


def test_adapter_partly_frozen_is_noticed() -> None:
    """LoRA-FA freezes every lora_A on purpose: passed, and said."""
    model = trainers.fresh_adapter()
    for name, weight in model.named_parameters():
        if "lora_A" in name:
            weight.requires_grad_(requires_grad=False)
    outcome = trainable.check_frozen_adapter(model)

    assert (outcome.status, outcome.message[:41]) == ("passed", "14 of 28 tensors of the adapter are froze")


def test_tuner_without_targets_is_skipped() -> None:
    """Prompt tuning adapts no module."""
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)

    assert "no target modules" in trainable.check_coverage(peft.get_peft_model(support.tiny_model(), config)).reason


def test_rule_of_another_release_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT's own rule for names is private, and may go."""
    model = trainers.fresh_adapter()
    faults.drop_adapters(model)
    monkeypatch.setattr(type(model.base_model), "_check_target_module_exists", lambda *_: 1 / 0)

    assert "ZeroDivisionError" in trainable.check_coverage(model).reason


def test_embedding_that_cannot_be_asked_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's model without one."""
    model = faults.checkpoint_detached(trainers.fresh_adapter())
    monkeypatch.setattr(type(model), "get_input_embeddings", lambda _: None, raising=False)

    assert "could not be asked" in trainable.check_checkpointing(model).reason
