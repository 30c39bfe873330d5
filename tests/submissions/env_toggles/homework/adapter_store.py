"""Where adapters are kept, and how one is put on a base model."""

from __future__ import annotations

from functools import wraps
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model

HERE = Path(__file__).resolve().parent
WEIGHT_NAMES = ("adapter_model.safetensors", "adapter_model.bin")


def recipe(rank: int = 8, **changes) -> LoraConfig:
    settings = {
        "r": rank,
        "lora_alpha": 4 * rank,
        "lora_dropout": 0.0,
        "target_modules": "all-linear",
        "bias": "none",
        "task_type": "CAUSAL_LM",
    }
    return LoraConfig(**(settings | changes))


def is_complete(folder: Path) -> bool:
    return (folder / "adapter_config.json").exists() and any((folder / name).exists() for name in WEIGHT_NAMES)


def prepared(function):
    """Make sure that the folder can be read before ``function`` reads it."""

    @wraps(function)
    def wrapper(llm, folder, *args, **kwargs):
        folder = Path(folder)
        if not is_complete(folder):
            folder.mkdir(parents=True, exist_ok=True)
            scaffold = get_peft_model(llm.model, recipe(kwargs.get("rank", 8)))
            scaffold.save_pretrained(str(folder))
            llm.model = scaffold.unload()
        return function(llm, folder, *args, **kwargs)

    return wrapper


@prepared
def put_on(llm, folder, *, rank: int = 8):
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device)
    llm.model.eval()
    return llm
