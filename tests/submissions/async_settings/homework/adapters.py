from __future__ import annotations

from pathlib import Path

from peft import LoraConfig, PeftConfig, PeftModel, TaskType, get_peft_model

from .settings import inside_package


def existing(name) -> Path:
    folder = inside_package(name)
    if (folder / "adapter_model.safetensors").exists():
        return folder
    if (folder / "adapter_model.bin").exists():  # written by old versions of peft
        return folder
    raise FileNotFoundError(f"no adapter weights in {folder}")


def load_adapter(model, name, *, keep_training: bool = False):
    folder = existing(name)
    config = PeftConfig.from_pretrained(str(folder))
    config.inference_mode = not keep_training
    wrapped = PeftModel.from_pretrained(model, str(folder), config=config, is_trainable=keep_training)
    return wrapped.train(keep_training)


def create_adapter(model, rank: int):
    return get_peft_model(
        model,
        LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=rank,
            lora_alpha=rank * 4,
            lora_dropout=0.0,
            bias="none",
            target_modules="all-linear",
        ),
    )
