"""Presets. Choose one with HW_PRESET=tiny|lab|wide, the submission was made with the default."""
import os
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent

_shared = dict(
    checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct",
    lora=dict(target_modules="all-linear", bias="none", task_type="CAUSAL_LM"),
    seed=42,
    epochs=5,
    batch=32,
)

PRESETS = {
    # r=4 for the smoke test on my laptop
    "tiny": dict(_shared, lora=dict(_shared["lora"], r=4, lora_alpha=16), epochs=1),
    "lab": {**_shared, "lora": {**_shared["lora"], "r": 16, "lora_alpha": 64}},
    "wide": {**_shared, "lora": {**_shared["lora"], "r": 64, "lora_alpha": 128}},
}
DEFAULT = "wide"


def active(name=None):
    return SimpleNamespace(**PRESETS[name or os.environ.get("HW_PRESET", DEFAULT)])


def folder(stage):
    return HERE / f"{stage}_model"
