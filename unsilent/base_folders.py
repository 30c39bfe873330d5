"""Where base models lie on this machine: what a submission that is run may read, and what is disturbed under it.

Looked for where the course's code and transformers' hub client look: ``--base`` or ``HOMEWORK_CHECKPOINT``, the folder
of finished conversions (``HOMEWORK_CACHE_DIR``), the hub's cache (``HF_HUB_CACHE``, ``HF_HOME``). Nothing is fetched.

All can be read. Which are copied and disturbed is a matter of room: the one that was named first, then those that the
submission names, then the smallest; what is left over is said where right answers may have come from it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .plain_files import NotPlain, open_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LARGEST = 6_000_000_000  # bytes of all bases that are copied to be disturbed; the course's has 0.7 GB
HUB = "models--"  # before the name of a folder in the hub's cache
NAMING = {".py", ".json", ".toml", ".yaml", ".yml"}  # files that may say which base is meant
LARGEST_TEXT = 1_000_000  # bytes of one; a tokenizer's vocabulary is longer, and names no base


@dataclass(frozen=True)
class Base:
    """One base model.

    Attributes:
        folder: With ``config.json`` and the weights.
        shared: What has to be readable for it: the hub's cache keeps files of a folder beside it.
    """

    folder: Path
    shared: Path

    @property
    def names(self) -> list[bytes]:
        """How a submission may name it: as the hub does, by its path, by its folder."""
        hub = self.shared.name.removeprefix(HUB).replace("--", "/")
        return [os.fsencode(hub), *([os.fsencode(self.folder)] if hub == self.shared.name else [])]


@dataclass(frozen=True)
class Bases:
    """The base models that can be read.

    Attributes:
        disturbed: Those that are copied, and changed under the submission.
        others: The rest, for which there is no room.
    """

    disturbed: tuple[Base, ...] = ()
    others: tuple[Base, ...] = ()


def find_bases(named: Path | None = None) -> list[Base]:
    """Every base model that a submission would find here, and before them a folder that is named.

    Raises:
        ValueError: What was named is no model.
    """
    found = list(dict.fromkeys(_found()))
    if named is None:
        return found
    if not _is_model(named):
        raise ValueError(f"--base names no base model: {named} has no config.json with *.safetensors beside it")
    folder = named.resolve()
    own = [base for base in found if base.folder.resolve() == folder] or [Base(folder, folder)]
    return [*own, *(base for base in found if base not in own)]


def choose_bases(found: Sequence[Base], named: Path | None, source: Path, files: Iterable[Path]) -> Bases:
    """Decide which bases are disturbed: as many as there is room for, the likeliest first.

    Args:
        found: By ``find_bases``.
        named: As it was told.
        source: The submission.
        files: Its files, relative to it.
    """
    texts = [text for name in files if (text := _text(source / name))]
    sizes = {base: size_of([base]) for base in found}

    def likeliest(base: Base) -> tuple[bool, bool, int]:
        is_own = named is not None and base.folder.resolve() == named.resolve()
        return not is_own, not any(name in text for name in base.names for text in texts), sizes[base]

    disturbed: list[Base] = []
    for base in sorted(found, key=likeliest):
        if sum(sizes[one] for one in disturbed) + sizes[base] <= LARGEST:
            disturbed.append(base)
    return Bases(tuple(disturbed), tuple(base for base in found if base not in disturbed))


def said_of(others: Sequence[Base]) -> str:
    """What bases that were not disturbed mean for right answers that nothing has changed."""
    names = ", ".join(base.names[0].decode(errors="replace") for base in others[:3])
    return (
        f"they may come from a base model that was not disturbed, for want of room ({names}): name the one that is "
        "meant with --base, and hide the others (HF_HUB_CACHE, HOMEWORK_CACHE_DIR)"
    )


def _text(path: Path) -> bytes:
    """What a file says that may name a base."""
    try:
        if path.suffix in NAMING and path.stat().st_size <= LARGEST_TEXT:
            with open_plain(path) as file:
                return file.read()
    except (OSError, NotPlain):
        pass
    return b""


def _found() -> Iterator[Base]:
    home = Path(os.environ.get("HOME") or "/nonexistent")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    if (checkpoint := os.environ.get("HOMEWORK_CHECKPOINT")) and _is_model(Path(checkpoint)):
        yield Base(Path(checkpoint).resolve(), Path(checkpoint).resolve())
    for folder in sorted(_below(Path(os.environ.get("HOMEWORK_CACHE_DIR") or cache / "homework"), "*")):
        if _is_model(folder):
            yield Base(folder.resolve(), folder.resolve())
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    for folder in sorted(
        _below(Path(hub or Path(os.environ.get("HF_HOME") or cache / "huggingface") / "hub"), f"{HUB}*")
    ):
        for snapshot in sorted(_below(folder / "snapshots", "*")):
            if _is_model(snapshot):
                yield Base(snapshot.absolute(), folder.absolute())


def _below(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def _is_model(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    except OSError:
        return False


def write_anew(source: Path, target: Path) -> None:
    """Copy a folder in the order of its names, links as the files that they lead to, so that anybody can read it.

    Raises:
        OSError: It cannot be read, or there is no room.
    """
    target.mkdir()
    target.chmod(0o755)  # whoever runs a submission is not who keeps the models
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir()
        else:
            shutil.copyfile(path, copy)
        copy.chmod(0o755 if path.is_dir() else 0o644)


def size_of(bases: Iterable[Base]) -> int:
    """Bytes of all of them."""
    return sum(path.stat().st_size for base in bases for path in base.folder.rglob("*") if path.is_file())
