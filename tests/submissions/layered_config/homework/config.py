"""Every number of the project, as a small family of frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

PACKAGE_DIR = Path(__file__).resolve().parent
DATA_DIR = PACKAGE_DIR.parent / "data"


class ConfigError(ValueError):
    pass


@dataclass(frozen=True)
class ModelConfig:
    checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
    dtype: torch.dtype = torch.float32
    max_new_tokens: int = 48
    generation_batch: int = 32

    def but(self, **changes):
        return replace(self, **changes)


@dataclass(frozen=True)
class LoraSection:
    r: int = 8
    alpha_factor: int = 4
    dropout: float = 0.0
    target_modules: str = "all-linear"
    # was True for a week because the config on disk says so; a trained adapter needs False
    # inference_mode: bool = True
    inference_mode: bool = False

    def kwargs(self) -> dict:
        return {
            "r": self.r,
            "lora_alpha": self.r * self.alpha_factor,
            "lora_dropout": self.dropout,
            "target_modules": self.target_modules,
            "inference_mode": self.inference_mode,
            "bias": "none",
            "task_type": "CAUSAL_LM",
        }


@dataclass(frozen=True)
class ServingLoraSection(LoraSection):
    """What the adapter is read back with; nothing is ever trained from this one."""

    inference_mode: bool = True


@dataclass(frozen=True)
class TrainConfig(ModelConfig):
    output_name: str = ""
    lora: LoraSection = field(default_factory=LoraSection)
    precision: str = "auto"  # auto | fp32 | bf16 | fp16
    learning_rate: float = 7e-4
    epochs: int = 5
    micro_batch: int = 32
    accumulation: int = 1
    max_length: int = 128
    seed: int = 7

    def __post_init__(self):
        if self.precision not in ("auto", "fp32", "bf16", "fp16"):
            raise ConfigError(f"unknown precision {self.precision!r}")
        if self.precision == "fp16" and not torch.cuda.is_available():
            raise ConfigError("fp16 needs a CUDA device and its gradient scaler; use fp32 here")
        if self.precision == "bf16" and not bf16_available():
            raise ConfigError("this machine has no bf16; use fp32")

    @property
    def amp_flags(self) -> dict[str, bool]:
        """Mixed precision over fp32 weights; Trainer brings the GradScaler for fp16."""
        automatic = "bf16" if bf16_available() else "fp32"
        chosen = automatic if self.precision == "auto" else self.precision
        return {"bf16": chosen == "bf16", "fp16": chosen == "fp16", "fp16_full_eval": False}


@dataclass(frozen=True)
class SFTConfig(TrainConfig):
    output_name: str = "sft_model"


@dataclass(frozen=True)
class RFTConfig(TrainConfig):
    output_name: str = "rft_model"
    lora: LoraSection = field(default_factory=lambda: LoraSection(r=16))
    max_new_tokens: int = 96
    max_length: int = 192
    micro_batch: int = 16
    accumulation: int = 2


def bf16_available() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
