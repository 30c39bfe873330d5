"""A fresh LoRA adapter on a frozen base, ready to train.

Apart from the loop, which needs a Trainer: benchmarks and tests put adapters on models without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .adapter_loading import quiet_peft

if TYPE_CHECKING:
    import torch

TARGETS = "all-linear"


def add_adapter(model: Any, rank: int, *, gradient_checkpointing: bool = False) -> Any:  # noqa: ANN401 - a PEFT model
    """Freeze ``model`` and put a fresh LoRA adapter on all its linear layers, ready to train.

    Adapter weights are fp32 whatever the base is held in. Input gradients are enabled, so that the first adapter
    receives a gradient under checkpointing too.
    """
    from peft import LoraConfig, TaskType, get_peft_model  # noqa: PLC0415 - 2 s that a wrong option need not wait for

    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        target_modules=TARGETS,
        r=rank,
        lora_alpha=max(4 * rank, 4),
        lora_dropout=0.0,
        bias="none",
        inference_mode=False,
    )
    with quiet_peft():
        adapted = get_peft_model(model, config)
        adapted.enable_input_require_grads()
        if gradient_checkpointing:
            # transformers renamed it to activation checkpointing; the older name warns there and is the only one before
            enable = getattr(adapted, "activation_checkpointing_enable", None) or adapted.gradient_checkpointing_enable
            enable({"use_reentrant": False})
    adapted.config.use_cache = False
    return adapted.train()


def count_parameters(model: torch.nn.Module) -> tuple[int, int]:
    """Count trainable and all parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)
