"""A very small pydantic: dataclasses that validate and coerce their fields after construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self, dataclass_transform

PACKAGE = Path(__file__).resolve().parent.parent


@dataclass_transform()
class Schema:
    validators: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        merged: dict[str, Callable[[Any], Any]] = {}
        for base in reversed(cls.__mro__):
            merged.update(vars(base).get("validators", {}))
        cls.validators = merged

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            check = self.validators.get(item.name)
            if check is not None:
                object.__setattr__(self, item.name, check(getattr(self, item.name)))

    @classmethod
    def from_cli(cls, argv: list[str]) -> Self:
        """`--output_dir=x` and `--output-dir x` both work."""
        values: dict[str, str] = {}
        rest = list(argv)
        while rest:
            name, equals, value = rest.pop(0).lstrip("-").partition("=")
            values[name.replace("-", "_")] = value if equals else rest.pop(0)
        return cls(**values)


def positive(value: Any) -> int:
    number = int(value)
    if number <= 0:
        raise ValueError(f"{value!r} is not positive")
    return number


def probability(value: Any) -> float:
    number = float(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{value!r} is no probability")
    return number


def inside_package(value: Any) -> Path:
    """Relative directories belong to the package, wherever the command was started."""
    path = Path(value)
    return path if path.is_absolute() else PACKAGE / path


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {type(value).__name__}")
    return value.strip()


@dataclass(frozen=True)
class LoraSettings(Schema):
    rank: int = 8
    alpha_per_rank: int = 4
    dropout: float = 0.0

    validators = {"rank": positive, "alpha_per_rank": positive, "dropout": probability}


@dataclass(frozen=True)
class RunSettings(Schema):
    output_dir: Path = Path("homework/sft_output")
    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 7e-4
    lora: LoraSettings = field(default_factory=LoraSettings)

    validators = {
        "output_dir": inside_package,
        "epochs": positive,
        "batch_size": positive,
        "learning_rate": float,
    }


@dataclass(frozen=True)
class RftSettings(RunSettings):
    output_dir: Path = Path("homework/rft_output")
    lora: LoraSettings = field(default_factory=lambda: LoraSettings(rank=16))


@dataclass(frozen=True)
class SamplingSettings(Schema):
    output_json: str = "data/rft.json"
    oversample: int = 10
    temperature: float = 0.6

    validators = {"output_json": text, "oversample": positive, "temperature": probability}
