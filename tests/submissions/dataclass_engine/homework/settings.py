"""All knobs in one place. Values can be overridden with environment variables (HW_RANK=16 python -m homework.sft train)."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

ROOT: Path = Path(__file__).resolve().parent
DATA: Path = ROOT.parent / "data"


class Precision(str, enum.Enum):
    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"  # explicit opt-in only, see TrainSettings.precision


@dataclass(frozen=True, slots=True)
class ModelSettings:
    checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
    weights_dtype: torch.dtype = torch.float32
    max_parameters: int = 380_000_000

    def kwargs(self) -> dict[str, Any]:
        return {"dtype": self.weights_dtype, "low_cpu_mem_usage": True}


@dataclass(frozen=True, slots=True)
class LoraSettings:
    # 361_821_120 + 32 * 542_720 = 379_188_160: the largest power of two that fits below 380M
    rank: int = 32
    alpha: int = 64
    dropout: float = 0.0
    target_modules: str = "all-linear"

    def kwargs(self, *, training: bool) -> dict[str, Any]:
        return {
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "target_modules": self.target_modules,
            "bias": "none",
            "task_type": "CAUSAL_LM",
            "inference_mode": not training,
        }


@dataclass(frozen=True, slots=True)
class TrainSettings:
    precision: Precision = Precision.AUTO
    epochs: int = 5
    batch: int = 32
    lr: float = 3e-4
    seed: int = 7
    prompt_suffix: str = field(default=" <answer>", repr=False)

    def resolve(self) -> Precision:
        """bf16 where the GPU can, fp32 otherwise. fp16 is never chosen for the user."""
        if self.precision is not Precision.AUTO:
            return self.precision
        if torch.cuda.is_available() and torch.cuda.is_bf16_supported():
            return Precision.BF16
        return Precision.FP32

    def mixed_precision_flags(self) -> dict[str, bool]:
        chosen = self.resolve()
        if chosen is Precision.FP16 and not torch.cuda.is_available():
            raise SystemExit("HW_PRECISION=fp16 needs a CUDA device (GradScaler); use bf16 or fp32")
        # Trainer brings its own GradScaler with fp16=True, and the adapter weights stay fp32
        return {"fp16": chosen is Precision.FP16, "bf16": chosen is Precision.BF16, "fp16_full_eval": False}


def from_environment(cls: type, prefix: str = "HW_") -> Any:
    chosen: dict[str, Any] = {}
    for f in fields(cls):
        raw = os.environ.get(prefix + f.name.upper())
        if raw is None:
            continue
        kind = type(f.default)
        chosen[f.name] = kind(raw)
    return cls(**chosen)
