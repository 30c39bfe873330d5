from pathlib import Path

import torch
from peft import LoraConfig
from transformers import TrainingArguments

# Colab: T4 in the free tier, L4/A100 with the subscription
RANK = 40
ALPHA = 4 * RANK


def lora_config(**overrides) -> LoraConfig:
    options = dict(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=0.05,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )
    options.update(overrides)
    return LoraConfig(**options)


def pick_precision() -> dict:
    if not torch.cuda.is_available():
        return {}
    if torch.cuda.get_device_capability()[0] >= 8:
        return {"bf16": True}
    # Turing does not know bfloat16
    return {"fp16": True}


def training_arguments(output_dir: str, **overrides) -> TrainingArguments:
    options = {
        "output_dir": output_dir,
        "report_to": "tensorboard",
        "learning_rate": 5e-4,
        "num_train_epochs": 5,
        "per_device_train_batch_size": 32,
        "gradient_checkpointing": True,
        "save_strategy": "epoch",
        "save_total_limit": 1,
        "logging_steps": 10,
        **pick_precision(),
    }
    options.update(overrides)
    return TrainingArguments(**options)


def package_path(name: str) -> Path:
    """sft_model, homework/sft_model and an absolute path all end in the same place."""
    p = Path(name)
    return p if p.is_absolute() else Path(__file__).parent / p.name
