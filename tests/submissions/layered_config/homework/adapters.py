from __future__ import annotations

from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model

from .config import PACKAGE_DIR, LoraSection, ServingLoraSection

WEIGHT_FILES = ("adapter_model.safetensors", "adapter_model.bin")


def resolve(name: str) -> Path:
    path = Path(name)
    if path.is_absolute() or len(path.parts) > 1:
        return path
    return PACKAGE_DIR / path


def locate(name: str) -> Path:
    folder = resolve(name)
    if not (folder / "adapter_config.json").is_file():
        raise FileNotFoundError(f"no adapter in {folder}; train one first")
    for candidate in WEIGHT_FILES:
        if (folder / candidate).is_file():
            return folder
    raise FileNotFoundError(f"{folder} has a configuration but none of {WEIGHT_FILES}")


def fresh(model, section: LoraSection):
    """Put an untrained adapter on ``model``; only the train commands call this."""
    wrapped = get_peft_model(model, LoraConfig(**section.kwargs()))
    if not any(p.requires_grad for p in wrapped.parameters()):
        raise RuntimeError("nothing to train: is inference_mode on?")
    return wrapped


def attach(model, name: str):
    folder = locate(name)
    stored = LoraConfig.from_pretrained(str(folder))
    stored.inference_mode = ServingLoraSection().inference_mode
    return PeftModel.from_pretrained(model, str(folder), config=stored, is_trainable=False).eval()
