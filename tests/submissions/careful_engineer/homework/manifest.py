"""What an adapter was trained on, kept beside it and checked before it is used."""

import hashlib
import json
from pathlib import Path

WEIGHT_FILES = ("adapter_model.safetensors", "adapter_model.bin")


def weight_file(directory: Path) -> Path:
    present = [directory / name for name in WEIGHT_FILES if (directory / name).is_file()]
    if len(present) != 1:
        raise FileNotFoundError(f"{directory}: expected one of {WEIGHT_FILES}, found {[p.name for p in present]}")
    return present[0]


def write(directory: Path, llm, **extra):
    content = {
        "checkpoint": llm.checkpoint,
        "dtype": str(next(llm.model.base_model.parameters()).dtype),
        "sha256": hashlib.sha256(weight_file(directory).read_bytes()).hexdigest(),
        **extra,
    }
    (directory / "manifest.json").write_text(json.dumps(content, indent=2))


def check(directory: Path, llm):
    content = json.loads((directory / "manifest.json").read_text())
    found = {
        "checkpoint": llm.checkpoint,
        "dtype": str(next(llm.model.parameters()).dtype),
        "sha256": hashlib.sha256(weight_file(directory).read_bytes()).hexdigest(),
    }
    for key, value in found.items():
        if content[key] != value:
            raise RuntimeError(f"{directory}: {key} is {value}, trained with {content[key]}")
