"""A fresh adapter has the reported size, and is ready to train."""

from __future__ import annotations

import on_gpu
import pytest
import support
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from homework import lora, sft, tokens


@pytest.mark.no_cover
@pytest.mark.parametrize(("rank", "expected"), [(1, 542_720), (4, 2_170_880), (8, 4_341_760)])
def test_adapter_of_the_course_model_has_the_reported_size(rank: int, expected: int) -> None:
    """r=4 on all linear layers of the 360M has the 2,170,880 trainable parameters of the reports."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(LlamaConfig(**on_gpu.COURSE_SHAPE))
        adapted = lora.add_adapter(model, rank)

    assert lora.count_parameters(adapted)[0] == expected


def test_adapter_is_ready_to_train() -> None:
    """Only LoRA weights require a gradient, in fp32, on all seven linear layers, in training mode."""
    adapted = lora.add_adapter(support.tiny_model().to(torch.bfloat16), 4)
    trained = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    config = adapted.peft_config["default"]

    assert all("lora_" in name and p.dtype is torch.float32 for name, p in trained.items())
    assert len(trained) == 2 * 2 * 7
    assert (config.inference_mode, config.lora_alpha, config.lora_dropout, config.bias) == (False, 16, 0.0, "none")
    assert adapted.training


@pytest.mark.parametrize("checkpointing", [False, True])
def test_first_layer_receives_a_gradient(checkpointing: bool) -> None:  # noqa: FBT001
    """With and without checkpointing the first layer's lora_B has a gradient above zero."""
    adapted = lora.add_adapter(support.tiny_model(), 4, gradient_checkpointing=checkpointing)
    batch = tokens.Collator(2)([sft.tokenize(support.tiny_tokenizer(), "How?", "5")])
    adapted(**batch).loss.backward()
    first = next(p for name, p in adapted.named_parameters() if "layers.0" in name and "lora_B" in name)

    assert first.grad is not None
    assert first.grad.abs().max() > 0
