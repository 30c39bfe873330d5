import shutil
from pathlib import Path

import peft

PACKAGE = Path(__file__).parent


def has_adapter(folder: Path) -> bool:
    names = {p.name for p in folder.glob("*")} if folder.is_dir() else set()
    return {"adapter_config.json", "adapter_model.safetensors"} <= names


def attach(model, folder: Path, **options):
    if not has_adapter(folder):
        raise SystemExit(f"{folder} holds no adapter, run the training first")
    return peft.PeftModel.from_pretrained(model, str(folder), **options)


def fresh(model, rank: int):
    config = peft.LoraConfig(r=rank, lora_alpha=rank * 4, target_modules="all-linear", task_type=peft.TaskType.CAUSAL_LM)
    return peft.get_peft_model(model, config)


def keep_a_copy(folder: Path) -> None:
    """The adapter before this training, in case it gets worse."""
    if has_adapter(folder):
        shutil.copytree(folder, folder.with_name(folder.name + "_before"), dirs_exist_ok=True)
