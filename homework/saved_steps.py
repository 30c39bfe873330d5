"""Checkpoints of an unfinished run: sealed when they are whole, and passed over when they are not.

Trainer writes a checkpoint file by file into its final place, so a process that is killed meanwhile leaves one that
looks like any other. Here a checkpoint counts only when ``complete.json`` lies in it, written last, and every file is
as that says. Knows files alone, no Trainer: what is in them is the business of ``going_on.py``.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unsilent.manifest import sha256_of

from .adapter_files import CHECKPOINT
from .replacing import replace_file, sync, write_through

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMPLETE = "complete.json"
SCHEMA_VERSION = 1
KEPT = 2  # the newest, and one more in case the disk has spoilt it


@dataclass(frozen=True)
class SavedStep:
    """A whole checkpoint.

    Attributes:
        folder: Where it lies.
        step: Optimizer steps that were done.
        last: Optimizer steps of the whole run.
        loss: Sum of the losses since the last record of the log, which will stand in the next one.
        logged: Step of the last record.
    """

    folder: Path
    step: int
    last: int
    loss: float
    logged: int

    def __str__(self) -> str:
        """How far it is."""
        return f"step {self.step} of {self.last}"


def folder_of(run: Path, step: int) -> Path:
    """Where Trainer puts the checkpoint of a step."""
    return run / f"checkpoint-{step}"


def seal_step(saved: SavedStep) -> None:
    """Have every file of a checkpoint on the disk, then say so in ``complete.json``; older ones beyond two are removed.

    Raises:
        OSError: There is no room; the checkpoint does not count then.
    """
    write_through(saved.folder)
    content = {
        "schema_version": SCHEMA_VERSION,
        "step": saved.step,
        "last": saved.last,
        "loss": saved.loss,
        "logged": saved.logged,
        "files": _files(saved.folder),
    }
    replace_file(saved.folder / COMPLETE, json.dumps(content, indent=2).encode())
    sync(saved.folder.parent)
    for path in _by_step(saved.folder.parent)[KEPT:]:
        remove_saved(path)


def find_saved(run: Path) -> tuple[SavedStep | None, dict[Path, str]]:
    """Find the newest whole checkpoint of a run.

    Returns:
        The checkpoint, or None; and every newer one with what is wrong with it.
    """
    passed_over: dict[Path, str] = {}
    for path in _by_step(run):
        found = _read(path)
        if isinstance(found, SavedStep):
            return found, passed_over
        passed_over[path] = found
    return None, passed_over


def remove_saved(path: Path) -> None:
    """Remove a checkpoint, or what lies in its place; what cannot be removed stays, and does no harm."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _by_step(run: Path) -> list[Path]:
    """Checkpoints, whole or not, the newest first."""
    if not run.is_dir():
        return []
    steps = {path: int(match[1]) for path in run.iterdir() if (match := CHECKPOINT.fullmatch(path.name))}
    return sorted(steps, key=lambda path: steps[path], reverse=True)


def _read(folder: Path) -> SavedStep | str:
    """Read a checkpoint; what is wrong with it, in words, when it is not whole."""
    try:
        content = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))
        files = _files(folder)
    except FileNotFoundError:
        return f"it has no {COMPLETE}: the process ended while it was written"
    except (OSError, ValueError, RecursionError) as error:
        return f"it cannot be read ({type(error).__name__})"
    match content:
        case {
            "schema_version": 1,
            "step": int(step),
            "last": int(last),
            "loss": float(loss),
            "logged": int(logged),
            "files": dict(written),
        }:
            wrong = _difference(written, files)
            return wrong or SavedStep(folder, step, last, loss, logged)
    return f"its {COMPLETE} lacks fields"


def _files(folder: Path) -> dict[str, Any]:
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / COMPLETE
    }


def _difference(written: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """Name the first file that is not as it was written; one that was added does no harm."""
    for name, entry in written.items():
        if name not in there:
            return f"{name} is missing"
        if there[name] != entry:
            return f"{name} is not as it was written"
    return ""
