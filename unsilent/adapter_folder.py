"""What lies in a folder that should hold an adapter, collected once for every check that reads it.

Found are the names PEFT looks for, shards, the last checkpoint of a Trainer, a lone adapter in a folder of its own, and
an adapter one folder too deep. Nothing in a folder can make ``read_folder`` raise.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import manifest as manifests
from .tensor_files import Tensor, TensorFileUnreadable, read_tensors

CONFIG = "adapter_config.json"
WHOLE = ("adapter_model.safetensors", "adapter_model.bin")  # the names PEFT looks for, in its order
SHARD = re.compile(r"adapter_model-(\d{5})-of-(\d{5})\.(safetensors|bin)")
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
TRAINERS = ("optimizer", "scheduler", "scaler", "rng_state", "training_args")  # a Trainer's own pickles


@dataclass
class AdapterFolder:
    """What lies in a folder that should hold an adapter; the checks read this."""

    asked: Path
    folder: Path
    note: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    weights: list[Path] = field(default_factory=list)
    other_weights: list[str] = field(default_factory=list)
    lost_shards: list[int] = field(default_factory=list)
    manifest: dict[str, Any] | None = None
    manifest_complaint: str = ""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    unread: str = ""
    damage: str = ""
    several: list[str] = field(default_factory=list)

    @property
    def has_config(self) -> bool:
        """Whether PEFT's configuration is there, readable or not."""
        return (self.folder / CONFIG).is_file()

    @property
    def there(self) -> list[str]:
        """The first names in the folder."""
        return sorted(path.name for path in self.folder.iterdir())[:12] if self.folder.is_dir() else []


def read_folder(asked: Path) -> AdapterFolder:
    """Collect what the checks need to know; nothing in the folder can make this raise."""
    folder, note, several = _where(asked)
    looked = AdapterFolder(asked, folder, note, several=several)
    if not folder.is_dir():
        return looked
    with contextlib.suppress(OSError, ValueError, RecursionError):
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        looked.config = content if isinstance(content, dict) else {}
    looked.weights, looked.lost_shards = _weights(folder)
    looked.other_weights = [] if looked.weights else _other_weights(folder, has_config=looked.has_config)
    try:
        looked.manifest = manifests.read_manifest(folder)
    except manifests.ManifestUnusable as error:
        looked.manifest_complaint = error.got
    for weights in looked.weights:
        if weights.suffix != ".safetensors":
            looked.unread = f"{weights.name} is a pickle, whose values are not read yet"
            break
        try:
            looked.tensors |= read_tensors(weights)
        except TensorFileUnreadable as error:
            looked.damage = str(error)
            looked.unread = f"{weights.name} cannot be read ({error})"
            break
    return looked


def _where(asked: Path) -> tuple[Path, str, list[str]]:
    """The folder with the adapter: the one asked for, the last checkpoint or a lone adapter below it; or several."""
    if _holds_adapter(asked) or not asked.is_dir():
        return asked, "", []
    below = [path for path in sorted(asked.iterdir()) if _holds_adapter(path)]
    checkpoints = {int(match[1]): path for path in below if (match := CHECKPOINT.fullmatch(path.name))}
    if checkpoints:
        last = checkpoints[max(checkpoints)]
        return last, f"{last.name}, the last of {len(checkpoints)} checkpoints", []
    if len(below) == 1:
        return below[0], f"{below[0].name}, below it", []
    return asked, "", [path.name for path in below]


def _other_weights(folder: Path, *, has_config: bool) -> list[str]:
    """Weights under a name that no adapter loader looks for: safetensors with LoRA in it, or a pickle beside a config.

    What a Trainer leaves in a checkpoint, and the weights of a whole model, are not an adapter's.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors" and path.is_file():
            with contextlib.suppress(TensorFileUnreadable):
                if any("lora_" in name for name in read_tensors(path)):
                    found.append(path.name)
        elif path.suffix in PICKLES and has_config and not path.stem.startswith(TRAINERS):
            found.append(path.name)
    return found


def _holds_adapter(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and bool(_weights(folder)[0])


def _weights(folder: Path) -> tuple[list[Path], list[int]]:
    """The weight files that belong together, and the numbers of the shards that are missing."""
    whole = [folder / name for name in WHOLE if (folder / name).is_file()]
    if whole:
        return whole[:1], []
    shards = [(path, match) for path in sorted(folder.iterdir()) if (match := SHARD.fullmatch(path.name))]
    for kind in ("safetensors", "bin"):
        mine = {int(match[1]): path for path, match in shards if match[3] == kind}
        if mine:
            total = max(int(match[2]) for _, match in shards if match[3] == kind)
            return list(mine.values()), [number for number in range(1, total + 1) if number not in mine]
    return [], []


def find_doubled(asked: Path) -> tuple[Path, Path] | None:
    """Find an adapter under a path of which a part is doubled (``homework/homework/sft_output``).

    Either the path asked for is itself such a one: a package that holds a folder of its own name which is no package.
    Or it holds no adapter, and its doubled form does. A repository ``homework`` with the package ``homework`` in it is
    the ordinary case, and so is a folder of named adapters, one of which has the folder's name.

    Returns:
        Where the adapter was meant to be, and where it is; None when nothing is doubled.
    """
    whole = asked.absolute()
    parts = whole.parts
    here = bool(_where(asked)[2]) or _where_is_adapter(asked)
    for begin in range(1, len(parts)):
        for end in range(begin + 1, len(parts) + 1):
            run = parts[begin:end]
            outer, inner = Path(*parts[:end]), Path(*parts[:end], *run)
            if parts[end : end + len(run)] == run:
                is_package = (outer / "__init__.py").is_file() and not (inner / "__init__.py").is_file()
                if is_package and _where_is_adapter(asked):
                    return _as_asked(Path(*parts[:end], *parts[end + len(run) :]), asked), asked
            candidate = Path(*parts[:end], *run, *parts[end:])
            if not here and whole not in candidate.parents and candidate.is_dir() and _where_is_adapter(candidate):
                return asked, _as_asked(candidate, asked)
    return None


def _as_asked(path: Path, asked: Path) -> Path:
    """Write a path as the one that was asked for: absolute, or relative to the current directory."""
    return Path(os.path.relpath(path)) if not asked.is_absolute() else path


def _where_is_adapter(folder: Path) -> bool:
    return _holds_adapter(_where(folder)[0])
