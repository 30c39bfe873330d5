"""LoRA on and off."""
from __future__ import annotations

from pathlib import Path

from .base_llm import BaseLLM

HERE = Path(__file__).resolve().parent
SFT_DIR = HERE / "sft_model"
RFT_DIR = HERE / "rft_model"


def fresh(llm: BaseLLM, rank: int = 8) -> BaseLLM:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank, lora_alpha=4 * rank, use_rslora=False, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    llm.model = get_peft_model(llm.model, config)
    return llm


def attach(llm: BaseLLM, folder: Path | str, trainable: bool = False) -> BaseLLM:
    """Put a stored adapter on the base."""
    from peft import PeftModel

    folder = Path(folder)
    stored = [folder / f"adapter_model.{suffix}" for suffix in ("safetensors", "bin")]
    if not any(f.exists() for f in stored):
        raise FileNotFoundError(f"none of {[f.name for f in stored]} in {folder}")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder), is_trainable=trainable).to(llm.device)
    return llm


def for_answers(folder: Path | str) -> BaseLLM:
    llm = attach(BaseLLM(), folder)
    llm.model.eval()
    return llm
