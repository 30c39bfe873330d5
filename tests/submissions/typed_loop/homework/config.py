from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import torch

Precision = Literal["fp32", "bf16", "fp16"]

PACKAGE: Final[Path] = Path(__file__).resolve().parent
DATA_DIR: Final[Path] = PACKAGE.parent / "data"
CHECKPOINT: Final[str] = "HuggingFaceTB/SmolLM2-360M-Instruct"
BASE_DTYPE: Final[torch.dtype] = torch.float32
MAX_PARAMETERS: Final[int] = 380_000_000


@dataclass(frozen=True, slots=True)
class LoraSettings:
    rank: int = 8
    alpha: int = 32
    dropout: float = 0.0
    target_modules: str = "all-linear"


@dataclass(frozen=True, slots=True)
class TrainSettings:
    epochs: int = 5
    batch_size: int = 32
    micro_batch_size: int = 16
    learning_rate: float = 7e-4
    warmup_fraction: float = 0.05
    max_grad_norm: float = 1.0
    max_length: int = 128
    seed: int = 2024
    precision: Precision = "fp32"
    lora: LoraSettings = field(default_factory=LoraSettings)

    def checked(self) -> TrainSettings:
        """fp16 and bf16 are never chosen by the program; who asks for one must have hardware for it."""
        if self.precision == "fp16" and not torch.cuda.is_available():
            raise ValueError("precision='fp16' needs a CUDA device: without one there is no gradient scaling")
        if self.precision == "bf16" and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
            raise ValueError("this GPU has no bf16, use fp32")
        if self.batch_size % self.micro_batch_size:
            raise ValueError("batch_size must be a multiple of micro_batch_size")
        return self

    @property
    def autocast_dtype(self) -> torch.dtype | None:
        return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]


def resolve(name: str | Path) -> Path:
    """A bare name is a folder of this package; everything else is relative to the working directory."""
    path = Path(name)
    return PACKAGE / path if path.parent == Path() else path.resolve()


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
