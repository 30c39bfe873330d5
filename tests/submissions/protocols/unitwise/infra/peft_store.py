from __future__ import annotations

from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model

from ..contracts import AdapterNotFound, LoraSpec, Purpose

WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


class PeftStore:
    def locate(self, where: Path) -> Path:
        has_config = (where / "adapter_config.json").is_file()
        has_weights = any((where / name).is_file() for name in WEIGHTS)
        if not (has_config and has_weights):
            raise AdapterNotFound(f"no adapter at {where}: train it first")
        return where

    def attach(self, model, where: Path, purpose: Purpose):
        trainable = purpose is Purpose.TRAIN
        return PeftModel.from_pretrained(model, str(self.locate(where)), is_trainable=trainable)

    def fresh(self, model, spec: LoraSpec):
        config = LoraConfig(
            task_type="CAUSAL_LM",
            r=spec.rank,
            lora_alpha=spec.alpha,
            lora_dropout=spec.dropout,
            target_modules="all-linear",
            inference_mode=False,
        )
        return get_peft_model(model, config)
