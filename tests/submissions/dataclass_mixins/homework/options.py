"""Options are small dataclasses; a command's options are put together from them by inheritance."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from peft import LoraConfig

ROOT = Path(__file__).resolve().parent


@dataclass
class GenerationOptions:
    max_new_tokens: int = 48
    max_sequences: int = 64


@dataclass
class AdapterOptions:
    """The fields of adapter_config.json that this project cares about."""

    r: int = 8
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    target_modules: str = "all-linear"
    bias: str = "none"
    task_type: str = "CAUSAL_LM"
    inference_mode: bool = True

    def lora_config(self) -> LoraConfig:
        return LoraConfig(**{item.name: getattr(self, item.name) for item in fields(AdapterOptions)})


@dataclass
class PrecisionOptions:
    amp: bool = True

    def half_flags(self) -> dict[str, bool]:
        if not self.amp:
            return {}
        bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        return {"bf16": bf16, "fp16": not bf16}


@dataclass
class LoopOptions:
    learning_rate: float = 7e-4
    epochs: int = 5
    batch_size: int = 32
    warmup_steps: int = 10
    logging_steps: int = 10
    seed: int = 0


@dataclass
class TrainOptions(AdapterOptions, PrecisionOptions, LoopOptions):
    output_dir: str = str(ROOT / "sft_model")

    @classmethod
    def from_kwargs(cls, **kwargs):
        own = {item.name for item in fields(cls)}
        wrong = sorted(set(kwargs) - own)
        if wrong:
            raise TypeError(f"{cls.__name__} has no {', '.join(wrong)}")
        return cls(**kwargs)

    def training_arguments(self):
        from transformers import TrainingArguments

        return TrainingArguments(
            output_dir=self.output_dir,
            learning_rate=self.learning_rate,
            num_train_epochs=self.epochs,
            per_device_train_batch_size=self.batch_size,
            warmup_steps=self.warmup_steps,
            logging_steps=self.logging_steps,
            lr_scheduler_type="cosine",
            gradient_checkpointing=True,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            save_strategy="no",
            report_to="none",
            seed=self.seed,
            **self.half_flags(),
        )


@dataclass
class RFTOptions(TrainOptions):
    r: int = 16
    lora_alpha: int = 64
    learning_rate: float = 5e-4
    output_dir: str = str(ROOT / "rft_model")


def command_line(**commands):
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=sorted(commands))
    known, rest = parser.parse_known_args()
    extra = {}
    for flag, value in zip(rest[::2], rest[1::2]):
        name = flag.lstrip("-").replace("-", "_")
        for kind in (int, float, str):
            try:
                extra[name] = kind(value)
                break
            except ValueError:
                continue
    return commands[known.command](**extra)
