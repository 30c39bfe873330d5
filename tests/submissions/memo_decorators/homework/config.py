from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parent
CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


@dataclass(frozen=True)
class Part:
    name: str
    rank: int
    learning_rate: float
    epochs: int = 5
    new_tokens: int = 45

    @property
    def folder(self) -> Path:
        return HOME / f"{self.name}_model"

    def lora(self) -> dict:
        return {
            "r": self.rank,
            "lora_alpha": 2 * self.rank,
            "target_modules": "all-linear",
            "bias": "none",
            "task_type": "CAUSAL_LM",
        }


PARTS = {
    part.name: part
    for part in (
        Part("sft", rank=16, learning_rate=6e-4),
        Part("rft", rank=64, learning_rate=3e-4, epochs=6, new_tokens=85),
    )
}
