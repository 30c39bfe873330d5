from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from .settings import ModelSettings, StageSettings, model_settings

ADAPTER_FILES = ("adapter_model.safetensors", "adapter_model.bin")


def pick_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def open_tokenizer(settings: ModelSettings | None = None, *, side: str = "left"):
    settings = settings or model_settings()
    tokenizer = AutoTokenizer.from_pretrained(settings.checkpoint, padding_side=side)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def open_base(settings: ModelSettings | None = None):
    settings = settings or model_settings()
    return AutoModelForCausalLM.from_pretrained(
        settings.checkpoint, torch_dtype=settings.torch_dtype
    ).to(pick_device())


def fresh_adapter(model, stage: StageSettings):
    """For training only. The stored adapter_config.json says inference_mode=true, that is normal."""
    return get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            target_modules="all-linear",
            bias="none",
            r=stage.rank,
            lora_alpha=stage.alpha,
        ),
    )


def stored_adapter(model, folder: Path):
    """For inference only: frozen on purpose."""
    if not any((folder / name).is_file() for name in ADAPTER_FILES):
        raise FileNotFoundError(f"{folder} holds none of {', '.join(ADAPTER_FILES)}; train first")
    config = LoraConfig.from_pretrained(folder)
    config.inference_mode = True
    return PeftModel.from_pretrained(model, folder, config=config).eval()
