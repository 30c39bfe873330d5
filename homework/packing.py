"""Pack files into a zip whose bytes depend on nothing but the files: no clock, no user, no order of a folder.

The last member is ``bundle.json``: every file with its sha256, whether the gate has passed them, by which bounds and
checks, and which base each adapter needs. Two zips of the same files are the same, on one machine and with one zlib.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
import zipfile
from typing import TYPE_CHECKING, Any

from unsilent.bundled import BUNDLE_MANIFEST
from unsilent.outcome import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from unsilent.bundled import Chosen

SCHEMA_VERSION = 1
PIECE = 1 << 20  # bytes read at once
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
ON_UNIX = 3  # what made the zip, as its format counts systems


def write_zip(
    target: Path, folder: Path, name: str, files: Sequence[Path], content: Mapping[str, object]
) -> dict[str, Any]:
    """Pack files below one top-level folder, and what is known about them.

    Args:
        target: The zip.
        folder: Where the files lie.
        name: Of the top-level folder.
        files: Relative to ``folder``.
        content: What else ``bundle.json`` says, in plain JSON.

    Returns:
        ``bundle.json``, in which ``files`` has the sha256 and the bytes of what was packed.
    """
    packed: dict[str, dict[str, object]] = {}
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(files, key=lambda one: one.as_posix()):
            member = _member(f"{name}/{path.as_posix()}")
            member.file_size = (folder / path).stat().st_size  # above 2 GB the header must be a longer one
            digest = hashlib.sha256()
            with (folder / path).open("rb") as source, archive.open(member, "w") as place:
                while piece := source.read(PIECE):
                    digest.update(piece)
                    place.write(piece)
            packed[path.as_posix()] = {"sha256": digest.hexdigest(), "bytes": member.file_size}
        manifest = {"schema_version": SCHEMA_VERSION, "package": name, **content, "files": packed}
        archive.writestr(_member(f"{name}/{BUNDLE_MANIFEST}"), json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return manifest


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, BEGINNING)
    member.create_system = ON_UNIX
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    member.compress_type = zipfile.ZIP_DEFLATED  # takes 7% off fp32 weights
    return member


def is_bundle(path: Path) -> bool:
    """Whether a file is a zip that was made here."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/")[1:] == [BUNDLE_MANIFEST] for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return False


def list_sizes(folder: Path, chosen: Chosen, manifest: Mapping[str, Any]) -> list[str]:
    """What was packed and what was left out, line by line, with sizes [kB, 1000 bytes]."""
    files = {name: entry["bytes"] for name, entry in manifest["files"].items()}
    lines = [f"in the zip: {len(files)} files, {sum(files.values()) / 1e3:,.1f} kB before packing"]
    lines += [_line(size, name) for name, size in files.items()]
    lines.append(f"left out: {len(chosen.left_out)}")
    return [*lines, *(_line(_size_of(folder / path), f"{path}: {why}") for path, why in chosen.left_out.items())]


def _line(size: int, words: str) -> str:
    return printable(f"  {size / 1e3:9,.1f} kB  {words}")


def _size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; of a link, its own; of what has gone meanwhile, none."""
    is_folder = path.is_dir() and not path.is_symlink()
    files = [one for one in path.rglob("*") if not one.is_dir()] if is_folder else [path]
    size = 0
    for one in files:
        with contextlib.suppress(OSError):
            size += one.lstat().st_size
    return size
