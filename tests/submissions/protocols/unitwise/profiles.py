from __future__ import annotations

import os
from dataclasses import dataclass

from .contracts import BudgetExceeded, LoraSpec, Recipe

LIMIT = 380_000_000

# parameters of the base, LoRA parameters per rank on all linear layers
SIZES = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": (134_515_008, 305_280),
    "HuggingFaceTB/SmolLM2-360M-Instruct": (361_821_120, 542_720),
    # here to give a readable error; 1.7B can never be submitted
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": (1_711_376_384, 1_130_496),
}


@dataclass(frozen=True)
class Profile:
    base: str
    precision: str
    sft: Recipe
    rft: Recipe

    def __post_init__(self) -> None:
        frozen, per_rank = SIZES[self.base]
        for recipe in (self.sft, self.rft):
            total = frozen + per_rank * recipe.lora.rank
            if total > LIMIT:
                raise BudgetExceeded(f"{self.base} with r={recipe.lora.rank}: {total:,} > {LIMIT:,}")


def _recipe(rank: int) -> Recipe:
    return Recipe(LoraSpec(rank=rank, alpha=4 * rank))


PROFILES = {
    "course": lambda: Profile("HuggingFaceTB/SmolLM2-360M-Instruct", "fp32", _recipe(8), _recipe(16)),
    "laptop": lambda: Profile("HuggingFaceTB/SmolLM2-135M-Instruct", "fp32", _recipe(32), _recipe(64)),
    "t4": lambda: Profile("HuggingFaceTB/SmolLM2-360M-Instruct", "fp16-amp", _recipe(8), _recipe(16)),
}


def current() -> Profile:
    return PROFILES[os.environ.get("UNITWISE_PROFILE", "course")]()
