"""What lies in an adapter folder: found in every format, read with its manifest, never created.

PEFT writes ``adapter_model.safetensors`` or ``.bin``; others write shards with an index; Trainer puts the adapter into
``checkpoint-500`` below its output folder, and PEFT an adapter with a name into a folder of that name. All of these
are found, and what was found is said. Only reading: no file of this module writes anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import AdapterMissing, AdapterRefused, OutputRefused

MANIFEST = "manifest.json"
CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")  # in the order in which PEFT looks for them
SHARD = re.compile(r"adapter_model-(\d{5})-of-(\d{5})\.(safetensors|bin)")
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
SCHEMA_VERSION = 1
LARGEST_HEADER = 100_000_000  # bytes; the limit that safetensors sets itself
PACKAGE = Path(__file__).resolve().parent


def locate(name: str) -> Path:
    """Turn an output or model name into a folder.

    With a separator it is relative to the current directory. A bare name is the one in the current directory if it
    exists there, else the one in this package; ``homework/homework`` cannot arise.
    """
    if not name.strip():
        raise OutputRefused(
            expected="a folder name", got="an empty one", where="output or model path", action="name a folder"
        )
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    bare = len(path.parts) == 1 and os.sep not in name and name not in (".", "..")
    try:
        found = PACKAGE / path if bare and not path.exists() else path
        found.resolve()
    except (OSError, RuntimeError) as error:  # the second is how Python 3.11 says that links go in a circle
        raise OutputRefused(
            expected="a name that the file system takes",
            got=getattr(error, "strerror", None) or str(error),
            where=f"{name[:60]}...",
            action="choose another, shorter name",
        ) from error
    return found


@dataclass(frozen=True)
class AdapterFiles:
    """An adapter that is there.

    Attributes:
        folder: Where configuration and weights lie.
        weights: One file, or every shard in order.
        note: Where it was found and what was passed over, in words; empty when it is what was asked for.
    """

    folder: Path
    weights: tuple[Path, ...]
    note: str = ""

    @property
    def size_mb(self) -> float:
        """Size of the weights [MB, 10^6 bytes]."""
        return sum(path.stat().st_size for path in self.weights) / 1e6


def weights_in(folder: Path) -> tuple[Path, ...]:
    """List the weight files of an adapter folder: the file PEFT would read, else a complete set of shards.

    Raises:
        AdapterMissing: Shards of which some are missing.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return (folder / name,)
    if not folder.is_dir():
        return ()
    shards = {path: match for path in sorted(folder.iterdir()) if (match := SHARD.fullmatch(path.name))}
    for kind in ("safetensors", "bin"):
        mine = {int(match[1]): path for path, match in shards.items() if match[3] == kind}
        total = max((int(match[2]) for match in shards.values() if match[3] == kind), default=0)
        if lost := [number for number in range(1, total + 1) if number not in mine]:
            raise AdapterMissing(
                expected=f"all {total} shards of the adapter",
                got=f"{len(mine)} of them; number {', '.join(map(str, lost[:5]))} missing",
                where=str(folder),
                action="copy the folder again, whole",
            )
        if mine:
            return tuple(mine[number] for number in sorted(mine))
    return ()


def find_adapter(name: str, *, command: str) -> AdapterFiles:
    """Find a complete adapter, or say what was looked for and what is there.

    Args:
        name: Bare name or path, see ``locate``; the output folder of a Trainer gives its last checkpoint.
        command: The command that trains one, for the message.

    Raises:
        AdapterMissing: Folder, configuration or weights are missing. Nothing is created.
    """
    folder = locate(name)
    if (folder / CONFIG).is_file() and (weights := weights_in(folder)):
        return AdapterFiles(folder, weights)
    below = _adapters_below(folder)
    checkpoints = {int(match[1]): path for path in below if (match := CHECKPOINT.fullmatch(path.name))}
    if checkpoints:
        last = checkpoints[max(checkpoints)]
        note = f"found in {last.name}, the last of {len(checkpoints)} checkpoints"
        return AdapterFiles(last, weights_in(last), note)
    if len(below) == 1:
        return AdapterFiles(below[0], weights_in(below[0]), f"found in {below[0].name} below it")
    raise AdapterMissing(
        expected=f"a trained adapter: {CONFIG} and {' or '.join(WEIGHTS)} (or shards of one)",
        got=_what_is_there(folder, below),
        where=str(folder),
        action=f"name the one you mean: {below[0]}" if below else f"train one: {command}",
    )


def _adapters_below(folder: Path) -> list[Path]:
    """Complete adapters one level down."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if (path / CONFIG).is_file() and weights_in(path)]


def _what_is_there(folder: Path, below: list[Path]) -> str:
    if below:
        return f"{len(below)} of them below it: {', '.join(path.name for path in below[:8])}"
    if folder.is_dir():
        return "a folder with " + (", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing in it")
    try:
        parts = sorted(path.name for path in folder.parent.iterdir() if path.name.startswith(f".{folder.name}.saving-"))
    except OSError:
        parts = []
    interrupted = f"; an interrupted save lies beside it, see: python -m homework.adapter_store {folder}"
    return "no such folder" + (interrupted if parts else "")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what training wrote beside the adapter; empty for an adapter without a manifest.

    The full schema is the business of ``unsilent/manifest.py``; answering needs the base, the dtype and the hashes.

    Raises:
        AdapterRefused: It cannot be read, is of another schema, was edited, or describes other files.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        seal = _seal_of(content) if isinstance(content, dict) else ""
    except (OSError, ValueError, RecursionError) as error:
        raise _bad_manifest(folder, f"one that cannot be read ({type(error).__name__}: {error})") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    match content:
        case {
            "schema_version": 1,
            "base": {"name": str()},
            "dtype": {"base": str(), "adapter": str()},
            "files": dict(files),
            "seal": str(sealed),
        } if all(isinstance(entry, dict) for entry in files.values()):
            pass
        case _:
            raise _bad_manifest(folder, f"one of schema {version!r}" if version != 1 else "one that lacks fields")
    if seal != sealed:
        raise _bad_manifest(folder, "one that was edited: its seal does not fit its content")
    return content or {}


def must_be_as_written(found: AdapterFiles, manifest: dict[str, Any]) -> None:
    """Refuse an adapter whose configuration or weights are not those that the manifest describes.

    Raises:
        AdapterRefused: A file was exchanged, edited, added or lost since training.
    """
    for path in (found.folder / CONFIG, *found.weights):
        written = manifest["files"].get(path.name, {}).get("sha256")
        if written not in _hashes(path):
            raise AdapterRefused(
                expected=f"the {path.name} that the manifest of {manifest.get('created', 'its training')} describes",
                got="another one (sha256 differs)" if written else "one that was added later",
                where=str(path),
                action="something saved over it: put the right file back, train again, or delete the manifest to load "
                "what is there unverified",
            )
    lost = [name for name in manifest["files"] if name in WEIGHTS and not (found.folder / name).is_file()]
    if lost:
        raise AdapterRefused(
            expected=f"every file of the manifest, {lost[0]} among them",
            got="a folder without it",
            where=str(found.folder),
            action="copy the folder again, whole, or train again",
        )


def _seal_of(content: dict[str, Any]) -> str:
    """Hash a manifest without its seal, as ``unsilent.manifest.seal_of`` does; a test holds the two equal."""
    bare = {name: value for name, value in content.items() if name != "seal"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _hashes(path: Path) -> set[str]:
    """The sha256 of a file, and for text that of the same text with the line ends of Unix: git may change them."""
    with path.open("rb") as file:
        found = {hashlib.file_digest(file, "sha256").hexdigest()}
    if path.suffix == ".json":
        found.add(hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest())
    return found


def _bad_manifest(folder: Path, got: str) -> AdapterRefused:
    return AdapterRefused(
        expected=f"a manifest of schema {SCHEMA_VERSION}, as it was written",
        got=got,
        where=str(folder / MANIFEST),
        action="load it with the version that wrote it, or train the adapter again",
    )


def base_in_config(folder: Path) -> str:
    """Name the base that PEFT's own configuration names."""
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        content, complaint = None, f"one that cannot be read ({type(error).__name__})"
    else:
        complaint = "one that does not"
    match content:
        case {"base_model_name_or_path": str(name)} if name:
            return name
    raise AdapterRefused(
        expected=f"an {CONFIG} that names the base",
        got=complaint,
        where=str(folder / CONFIG),
        action="train the adapter again",
    )


def dtype_of_tensors(weights: Path) -> str:
    """Read the dtype of the tensors from the header of a safetensors file; fp32 where there is no header."""
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), LARGEST_HEADER)))
        found = min((entry["dtype"] for name, entry in header.items() if name != "__metadata__"), default="")
        return {"BF16": "bf16", "F16": "fp16"}.get(found, "fp32")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "fp32"
