"""Settings from the environment: ``HW_LEARNING_RATE=1e-3 python -m homework.sft train``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

PACKAGE_ROOT = Path(__file__).resolve().parent


class SettingsError(ValueError):
    """A variable that cannot be read, named with its value."""


def _read(kind: type, text: str) -> Any:
    if kind is bool:
        lowered = text.strip().lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off"):
            return False
        raise ValueError(text)
    return kind(text)


class Settings:
    """Annotated class attributes with defaults; the environment overrides them, keyword arguments override that."""

    prefix: ClassVar[str] = "HW_"

    def __init__(self, **given: Any):
        hints = {k: v for k, v in get_type_hints(type(self)).items() if k != "prefix"}
        unknown = given.keys() - hints.keys()
        if unknown:
            raise SettingsError(f"unknown settings: {sorted(unknown)}")
        for name, kind in hints.items():
            variable = self.prefix + name.upper()
            if name in given:
                value = given[name]
            elif variable in os.environ:
                try:
                    value = _read(kind, os.environ[variable])
                except ValueError as error:
                    raise SettingsError(f"{variable}={os.environ[variable]!r} is no {kind.__name__}") from error
            else:
                value = getattr(type(self), name)
            setattr(self, name, value)
        self.validate()

    def validate(self) -> None:
        """For subclasses."""


class ModelSettings(Settings):
    checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
    max_new_tokens: int = 48
    generation_batch: int = 32


class TrainSettings(Settings):
    learning_rate: float = 7e-4
    epochs: int = 5
    rank: int = 8
    micro_batch: int = 16
    accumulate: int = 2
    mixed_precision: str = "auto"
    clip: float = 1.0
    seed: int = 1

    def validate(self) -> None:
        if self.mixed_precision not in ("auto", "no", "bf16", "fp16"):
            raise SettingsError(f"mixed_precision is {self.mixed_precision!r}")
        if not 1 <= self.rank <= 32:  # 542,720 parameters a rank; more than 33 would break the limit of 380 million
            raise SettingsError(f"rank {self.rank} is outside 1..32")

    def resolve_precision(self) -> str:
        import torch

        cuda = torch.cuda.is_available()
        if self.mixed_precision == "auto":
            # return "fp16" if cuda else "no"      # T4: overflowed in epoch 2, adapters full of NaN
            return "bf16" if cuda and torch.cuda.is_bf16_supported() else "no"
        if self.mixed_precision == "fp16" and not cuda:
            raise SettingsError("fp16 needs CUDA: accelerate's gradient scaler works only there")
        if self.mixed_precision == "bf16" and not (cuda and torch.cuda.is_bf16_supported()):
            raise SettingsError("this device has no bf16; set HW_MIXED_PRECISION=no")
        return self.mixed_precision


class SFTSettings(TrainSettings):
    prefix: ClassVar[str] = "SFT_"


class RFTSettings(TrainSettings):
    prefix: ClassVar[str] = "RFT_"
    rank: int = 16
    learning_rate: float = 5e-4


def inside_package(name: str | os.PathLike) -> Path:
    """A bare name belongs to the package; anything else is taken as it is (absolute, or from the working directory)."""
    path = Path(name).expanduser()
    return PACKAGE_ROOT / path if path.parent == Path() else path.resolve()
