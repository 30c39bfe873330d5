"""What a training run writes down beside its adapter, and how a later reader knows that nothing was changed since.

``manifest.json`` is written last, so an adapter folder with a manifest is a whole one. It names the base, every
dtype, the data and the versions, holds the sha256 of every other file, and ends with a seal over itself. None of this
keeps out a forger, who can seal anew; it makes accidents visible: a second run that saved over the first, a file
edited by hand, half a copy.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "manifest.json"
SCHEMA_VERSION = 1
LARGEST = 10_000_000  # bytes; a manifest is a few kB

# Every field that must be there, and what it must be. Nested names are joined by dots.
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "created": str,
    "base.name": str,
    "base.revision": (str, type(None)),
    "base.config_sha256": str,
    "dtype.base": str,
    "dtype.adapter": str,
    "precision.name": str,
    "precision.reason": str,
    "lora": dict,
    "data.sha256": str,
    "seed": int,
    "versions": dict,
    "command": list,
    "git": (dict, type(None)),
    "log": dict,
    "verdicts": list,
}
# Files that change what an adapter is. One that the manifest does not list came later.
ADAPTER_FILES = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "adapter_model-*-of-*.safetensors",
    "adapter_model-*-of-*.bin",
)


class ManifestUnusable(Exception):
    """A manifest that is there but cannot be relied on."""

    def __init__(self, folder: Path, got: str) -> None:
        """Say what was found, and keep it as an attribute."""
        super().__init__(
            f"Expected a manifest of schema {SCHEMA_VERSION} as it was written, but got {got}. Where: {folder / FILE}. "
            "What to do: load it with the version that wrote it, or train the adapter again."
        )
        self.got = got


def write_manifest(folder: Path, content: Mapping[str, object]) -> dict[str, Any]:
    """Hash every file in ``folder``, seal ``content`` together with the hashes, and write it; call this last.

    Args:
        folder: A complete adapter folder, or one that is about to be renamed to its place.
        content: At least the fields of ``FIELDS``; more is kept.

    Returns:
        What was written.

    Raises:
        ValueError: A field is missing, of another type, or no JSON value.
    """
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / FILE
    }
    whole: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **content, "files": files}
    if wrong := _wrong_field(whole):
        message = f"Expected a manifest with {wrong}. Where: {folder / FILE}. What to do: add it to the content."
        raise ValueError(message)
    whole["seal"] = seal_of(whole)
    with (folder / FILE).open("w", encoding="utf-8") as file:
        json.dump(whole, file, indent=2, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    return whole


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest beside an adapter; None where there is none.

    Raises:
        ManifestUnusable: It cannot be read, is of a newer schema, lacks a field, or was edited.
    """
    path = folder / FILE
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise ManifestUnusable(folder, "something that is no file")
        with path.open("rb") as file:
            text = file.read(LARGEST)
        content = json.loads(text)
        sealed = seal_of(content) if isinstance(content, dict) else ""
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestUnusable(folder, f"one that cannot be read ({type(error).__name__}: {error})") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version is None and isinstance(content, dict) and "seal" in content:
        raise ManifestUnusable(folder, "one that was edited: its version is gone")
    if version != SCHEMA_VERSION:
        raise ManifestUnusable(folder, f"one of schema {version!r}")
    if wrong := _wrong_field(content):
        raise ManifestUnusable(folder, f"one without {wrong}")
    if content.get("seal") != sealed:
        raise ManifestUnusable(folder, "one that was edited: its seal does not fit its content")
    return dict(content)


def find_changes(folder: Path, manifest: Mapping[str, Any], *, largest: int | None = None) -> dict[str, str]:
    """Compare a folder with its manifest.

    Args:
        folder: Where manifest and files lie.
        manifest: As ``read_manifest`` gave it.
        largest: Files of more bytes are compared by size alone; None hashes all.

    Returns:
        File names with what happened to them in words; empty when every file is as it was written. Files may be added,
        but not ones that a loader would read as the adapter.
    """
    changes: dict[str, str] = {}
    for name, written in manifest["files"].items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else -1
        if size < 0:
            changes[name] = "missing"
        elif path.suffix == ".json" and size <= LARGEST and _sha256_of_text(path) == written["sha256"]:
            continue  # git may have changed the line ends
        elif size != written["bytes"]:
            changes[name] = f"{size} bytes instead of {written['bytes']}"
        elif (largest is None or size <= largest) and sha256_of(path) != written["sha256"]:
            changes[name] = "same size, other content"
    added = {path.name for pattern in ADAPTER_FILES for path in folder.glob(pattern)} - manifest["files"].keys()
    return changes | dict.fromkeys(sorted(added), "added later")


def seal_of(content: Mapping[str, Any]) -> str:
    """Hash a manifest without its seal, whatever the order of its names and its line breaks."""
    bare = {name: value for name, value in content.items() if name != "seal"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of_text(path: Path) -> str:
    """Hash a text file as if its line ends were those of Unix."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def is_adapter_file(name: str) -> bool:
    """Whether a file changes what an adapter is: its configuration and weights do, notes and pictures do not."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in ADAPTER_FILES)


def describe_run(source: Path) -> dict[str, object]:
    """What any run can say about itself: when, by which command and versions, from which commit of ``source``."""
    versions = {}
    for name in ("torch", "transformers", "peft", "accelerate", "safetensors"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "command": list(sys.argv),
        "git": _git_state(source),
        "versions": {"python": sys.version.split()[0], **versions},
    }


def _git_state(source: Path) -> dict[str, object] | None:
    """Commit and whether tracked files differ from it; None outside a repository or without git."""
    try:
        commit = _git(source, "rev-parse", "HEAD")
        changed = _git(source, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": bool(changed)}


def _git(source: Path, *arguments: str) -> str:
    command = ["git", "-C", str(source), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603 - our own list


def _wrong_field(content: Mapping[str, Any]) -> str:
    """Name the first field that is missing or of another type; empty when all are right."""
    for dotted, kind in {**FIELDS, "files": dict}.items():
        value: Any = content
        for name in dotted.split("."):
            value = value.get(name, ...) if isinstance(value, dict) else ...
        if not isinstance(value, kind):
            names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
            return f"{dotted} as {names}"
    for name, entry in content["files"].items():
        match entry:
            case {"sha256": str(), "bytes": int()} if not Path(name).is_absolute() and ".." not in Path(name).parts:
                if name == PurePosixPath(name).as_posix():  # else one file could be named, and hashed, many times
                    continue
        return f"files.{name} as a name inside the folder with sha256 and bytes"
    return ""
