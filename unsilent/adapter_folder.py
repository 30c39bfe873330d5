"""What lies in a folder that should hold an adapter, collected once for every check that reads it.

Found are the names PEFT looks for, shards and their index, the last checkpoint of a Trainer, adapters in folders of
their own, and an adapter one folder too deep. A link that leaves the folder is not followed, what is no regular file is
not opened. Nothing in a folder can make ``read_folder`` raise, but a file that changes meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from . import manifest as manifests
from .pickles import is_pickle
from .tensor_files import Tensor, TensorFileUnreadable, read_tensors

CONFIG = "adapter_config.json"
WHOLE = ("adapter_model.safetensors", "adapter_model.bin")  # the names PEFT looks for, in its order
INDEX = "adapter_model.safetensors.index.json"
SHARD = re.compile(r"adapter_model-(\d{5})-of-(\d{5})\.(safetensors|bin)")
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
MODEL = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}
TRAINERS = ("optimizer", "scheduler", "scaler", "rng_state", "training_args")  # a Trainer's own pickles
LARGEST_JSON = 10_000_000  # bytes; a configuration is a few kB, an index of 100,000 tensors 10 MB
MOST_ENTRIES = 10_000  # of a folder that are looked at


class FolderUnjudged(Exception):
    """A folder that is not looked into; the message says why."""


@dataclass
class AdapterFolder:
    """What lies in a folder that should hold an adapter; the checks read this.

    Attributes:
        asked: The path as it was given.
        folder: Where the adapter lies.
        note: Where it was found, when it is not what was asked for.
        config: The configuration; empty where it cannot be read.
        weights: The file that PEFT reads, or every shard in order.
        shadowed: Weights beside them in another format, which PEFT does not read.
        other_weights: Weights under names that no loader looks for.
        pickles: Weights that are pickles, whatever their names are.
        lost_shards: Numbers of shards that are missing.
        tensors: By name, of all weights; those of a pickle are added by the inspection.
        damage: Why a file cannot be read, with its name; empty when all can.
    """

    asked: Path
    folder: Path
    note: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    weights: list[Path] = field(default_factory=list)
    shadowed: list[Path] = field(default_factory=list)
    other_weights: list[str] = field(default_factory=list)
    pickles: list[Path] = field(default_factory=list)
    lost_shards: list[int] = field(default_factory=list)
    manifest: dict[str, Any] | None = None
    manifest_complaint: str = ""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    damage: str = ""

    @property
    def has_config(self) -> bool:
        """Whether PEFT's configuration is there, readable or not."""
        return (self.folder / CONFIG).is_file()

    @property
    def there(self) -> list[str]:
        """The first names in the folder."""
        return sorted(path.name for path in _entries(self.folder))[:12]

    @property
    def foreign(self) -> list[Path]:
        """Pickles that are not the adapter's: a Trainer's state, a value head."""
        found = [path for path in sorted(_entries(self.folder)) if path.suffix in PICKLES and not path.is_symlink()]
        return [path for path in found if path.is_file() and path not in (*self.weights, *self.shadowed)]

    @property
    def base(self) -> str | None:
        """What the configuration calls its base; None where it is no name."""
        named = self.config.get("base_model_name_or_path")
        return named if isinstance(named, str) else None

    @cached_property
    def doubled(self) -> tuple[Path, Path] | None:
        """As ``find_doubled``; of several adapters below one path it is set for all, as looking lists the folder."""
        return find_doubled(self.asked)


def read_folder(asked: Path, folder: Path | None = None, note: str = "") -> AdapterFolder:
    """Collect what the checks need to know.

    Raises:
        FolderUnjudged: A link in it leads elsewhere, or a file is far too large.
    """
    looked = AdapterFolder(asked, asked if folder is None else folder, note)
    folder = looked.folder
    names = [path.name for path in _entries(folder)]
    for name in names:
        if name.startswith("adapter_") or name == manifests.FILE:
            _must_stay_inside(folder / name)
    if not any(name.startswith("adapter_") for name in names) and (whole := sorted(MODEL & set(names))):
        raise FolderUnjudged(f"a whole model ({whole[0]}) and no adapter beside it: nothing to inspect")
    looked.config = read_json(folder / CONFIG)
    files = [folder / name for name in WHOLE if (folder / name).is_file()]
    shards, lost = _shards(folder)
    looked.weights, looked.shadowed = (files[:1], [*files[1:], *shards]) if files else (shards, [])
    looked.lost_shards = [] if files else lost
    both = (*looked.weights, *looked.shadowed)
    looked.pickles = [path for path in both if path.suffix == ".bin" or is_pickle(path)]
    looked.other_weights = [] if looked.weights else _other_weights(folder, has_config=looked.has_config)
    try:
        looked.manifest = manifests.read_manifest(folder)
    except manifests.ManifestUnusable as error:
        looked.manifest_complaint = error.got
    for weights in looked.weights:
        if weights not in looked.pickles:
            add_tensors(looked, weights)
    if len(looked.weights) > 1 and not looked.damage and not looked.lost_shards:
        looked.damage = _contradiction_of_index(looked)
    return looked


def add_tensors(looked: AdapterFolder, path: Path) -> None:
    """Read a safetensors file into the folder's tensors, or note why it cannot be read."""
    try:
        found = read_tensors(path)
    except TensorFileUnreadable as error:
        looked.damage = looked.damage or f"{path.name}: {error}"
        return
    if doubled := looked.tensors.keys() & found.keys():
        looked.damage = looked.damage or f"{path.name}: {min(doubled)[:200]} stands in another shard, too"
    looked.tensors |= found


def read_json(path: Path) -> dict[str, Any]:
    """Read an object from a small file; empty where there is none, whatever there is instead."""
    with contextlib.suppress(ValueError, RecursionError):
        if path.is_file() and path.stat().st_size <= LARGEST_JSON:
            content = json.loads(path.read_bytes().decode("utf-8"))  # as PEFT reads it; json alone guesses others
            return content if isinstance(content, dict) else {}
    return {}


def find_adapters(asked: Path) -> list[tuple[Path, str]]:
    """Find the adapters that a path stands for, with where they were found.

    The folder itself; of a Trainer's output the last checkpoint; and adapters in folders of their own, as PEFT saves
    those that have a name. The folder itself, without a note, where there is none.
    """
    below = [path for path in sorted(_entries(asked)) if not path.is_symlink() and _holds_adapter(path)]
    checkpoints = {int(match[1]): path for path in below if (match := CHECKPOINT.fullmatch(path.name))}
    named = [(path, f"{path.name}, below it") for path in below if path not in checkpoints.values()]
    whole = _holds_adapter(asked)
    root = [(asked, "")] if whole or _held_adapter(asked) else []
    if checkpoints and not whole:
        last = checkpoints[max(checkpoints)]
        return [*root, (last, f"{last.name}, the last of {len(checkpoints)} checkpoints")]
    return [*root, *named] or [(asked, "")]


def _entries(folder: Path) -> list[Path]:
    return list(itertools.islice(folder.iterdir(), MOST_ENTRIES)) if folder.is_dir() else []


def _must_stay_inside(path: Path) -> None:
    """Raise for a link that leaves the folder; a hub cache keeps files in ``blobs`` beside ``snapshots``."""
    if not path.is_symlink():
        return
    folder, target = path.parent.resolve(), path.resolve()
    of_hub = any(one.parent.name == "snapshots" and target.parent == one.parent.parent / "blobs" for one in
                 (folder, *folder.parents))  # fmt: skip
    if target.parent != folder and not of_hub:
        raise FolderUnjudged(f"{path.name} is a link to {target}, outside of the folder: it is not followed")


def _other_weights(folder: Path, *, has_config: bool) -> list[str]:
    """Weights under a name that no adapter loader looks for: safetensors with LoRA in it, or a pickle beside a config.

    What a Trainer leaves in a checkpoint, and the weights of a whole model, are not an adapter's.
    """
    found = []
    for path in sorted(_entries(folder)):
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix == ".safetensors":
            with contextlib.suppress(TensorFileUnreadable, OSError):
                if any("lora_" in name for name in read_tensors(path)):
                    found.append(path.name)
        elif path.suffix in PICKLES and has_config and not path.stem.startswith(TRAINERS):
            found.append(path.name)
    return found


def _holds_adapter(folder: Path) -> bool:
    whole = any((folder / name).is_file() for name in WHOLE)
    return (folder / CONFIG).is_file() and (whole or bool(_shards(folder)[0]))


def _held_adapter(folder: Path) -> bool:
    """Whether something is left of an adapter, so that its loss is not passed over for another below it."""
    names = {path.name for path in _entries(folder)}
    return bool(names & {CONFIG, *WHOLE, manifests.FILE}) or any(SHARD.fullmatch(name) for name in names)


def _shards(folder: Path) -> tuple[list[Path], list[int]]:
    """The shards that belong together, in order, and the numbers of those that are missing."""
    shards = [(path, match) for path in sorted(_entries(folder)) if (match := SHARD.fullmatch(path.name))]
    for kind in ("safetensors", "bin"):
        mine = {int(match[1]): path for path, match in shards if match[3] == kind and path.is_file()}
        if mine:
            total = max(int(match[2]) for _, match in shards if match[3] == kind)
            return list(mine.values()), [number for number in range(1, total + 1) if number not in mine]
    return [], []


def _contradiction_of_index(looked: AdapterFolder) -> str:
    """What the index of the shards says that is not so; empty without an index."""
    if not os.path.lexists(looked.folder / INDEX):
        return ""
    where = read_json(looked.folder / INDEX).get("weight_map")
    if not isinstance(where, dict):
        return f"{INDEX}: no weight_map in it"
    for name, tensor in looked.tensors.items():
        if where.get(name) != tensor.file.path.name:
            return f"{INDEX}: {name[:200]} lies in {tensor.file.path.name}, not in {where.get(name)!r:.80}"
    gone = sorted(map(str, where.keys() - looked.tensors.keys()))
    return f"{INDEX}: {gone[0][:200]} lies nowhere" if gone else ""


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
    here = _where_is_adapter(asked)
    for begin in range(1, len(parts)):
        for end in range(begin + 1, len(parts) + 1):
            run = parts[begin:end]
            outer, inner = Path(*parts[:end]), Path(*parts[:end], *run)
            if parts[end : end + len(run)] == run:
                is_package = (outer / "__init__.py").is_file() and not (inner / "__init__.py").is_file()
                if is_package and here:
                    return _as_asked(Path(*parts[:end], *parts[end + len(run) :]), asked), asked
            candidate = Path(*parts[:end], *run, *parts[end:])
            if not here and whole not in candidate.parents and candidate.is_dir() and _where_is_adapter(candidate):
                return asked, _as_asked(candidate, asked)
    return None


def _as_asked(path: Path, asked: Path) -> Path:
    """Write a path as the one that was asked for: absolute, or relative to the current directory."""
    return Path(os.path.relpath(path)) if not asked.is_absolute() else path


def _where_is_adapter(folder: Path) -> bool:
    return _holds_adapter(find_adapters(folder)[0][0])
