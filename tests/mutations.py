"""What a mutation is, the list of all of them, and the hands they work with.

A mutation changes one adapter and says what that makes of it: it ``CONTRADICTS`` the rest of the folder and must be
found; it is ``CONSISTENT``, another adapter that might have been trained so, which nobody can tell without a manifest
written before; it is ``HARMLESS``, and nothing is asked but that the inspection ends. Where a mutation leaves the
verdict to ``JUDGE_CONTENT``, ``tests/adapter_truth.py`` reads what is there now. No verdict comes from what our checks
say. ``None`` means that this adapter has nothing to mutate so.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from adapter_truth import CONFIG, WEIGHTS, Tensor, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Verdict = Literal["contradicts", "consistent", "harmless", "judge"]
CONTRADICTS: Verdict = "contradicts"
CONSISTENT: Verdict = "consistent"
HARMLESS: Verdict = "harmless"
JUDGE_CONTENT: Verdict = "judge"
MANIFEST = "manifest.json"
INDEX = f"{WEIGHTS}.index.json"


@dataclass
class Subject:
    """One copy of a healthy adapter, about to be changed."""

    path: Path  # a folder, or a zip
    rng: random.Random
    other: Callable[[], Path]  # writes another healthy adapter elsewhere

    @property
    def weights(self) -> Path:
        """The weights, where there is one file of them."""
        return self.path / WEIGHTS

    @property
    def config(self) -> Path:
        """PEFT's configuration."""
        return self.path / CONFIG

    def some_file(self) -> Path:
        """The configuration or the weights."""
        return self.rng.choice([self.config, self.weights])


@dataclass(frozen=True)
class Mutation:
    """A class of mutations."""

    name: str
    change: Callable[[Subject], Verdict | None]
    kinds: str  # which healthy adapters it works on: one file, LoRA, shards, bin, zip, hub
    weight: float
    needs_manifest: bool


MUTATIONS: dict[str, Mutation] = {}


def mutation(
    kinds: str = "one file", *, weight: float = 1, needs_manifest: bool = False
) -> Callable[[Callable[[Subject], Verdict | None]], Callable[[Subject], Verdict | None]]:
    """Enter a function in the list; its name is the class's name.

    Args:
        kinds: Which healthy adapters it works on.
        weight: How often it is drawn, against 1 of the others; less where an inspection starts another process.
        needs_manifest: Whether it is the manifest that is changed.
    """

    def enter(change: Callable[[Subject], Verdict | None]) -> Callable[[Subject], Verdict | None]:
        name = change.__name__.replace("_", " ")
        MUTATIONS[name] = Mutation(name, change, kinds, weight, needs_manifest)
        return change

    return enter


def split(path: Path) -> tuple[bytes, bytes]:
    """Header and data of a safetensors file."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return content[8 : 8 + length], content[8 + length :]


def join(path: Path, header: bytes | dict[str, Any], data: bytes) -> None:
    """Write a safetensors file of any header and data, true or not."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)


def header_of(path: Path) -> dict[str, Any]:
    """The header without its metadata."""
    header = json.loads(split(path)[0])
    header.pop("__metadata__", None)
    return dict(header)


def load(path: Path) -> dict[str, Tensor]:
    """All tensors."""
    return read_weights(path.read_bytes())


def store(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors one after the other, as their names, dtypes and shapes say."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in tensors.items():
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape)}
        header[name]["data_offsets"] = [len(data), len(data) + len(tensor.data)]
        data += tensor.data
    join(path, header, data)


def flip(path: Path, rng: random.Random, begin: int = 0, end: int | None = None) -> None:
    """Flip one bit of a file, or put another byte there."""
    content = bytearray(path.read_bytes())
    place = rng.randrange(begin, len(content) if end is None else end)
    content[place] ^= 1 << rng.randrange(8) if rng.random() < 0.5 else rng.randrange(1, 256)
    path.write_bytes(bytes(content))


def cut(path: Path, rng: random.Random) -> None:
    """Cut a file, anywhere or near its end."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(rng.choice([0, rng.randrange(size), size - rng.randrange(1, min(64, size))]))


def read_config(subject: Subject) -> dict[str, Any]:
    """PEFT's configuration."""
    return dict(json.loads(subject.config.read_text()))


def write_config(subject: Subject, config: object) -> None:
    """Write it back."""
    subject.config.write_text(json.dumps(config, indent=2))
