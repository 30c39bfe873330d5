"""Put a finished folder in the place of another one, whole or not at all, whatever happens in between.

A folder is filled in a scratch folder beside its target, written through to the disk, and then renamed. Where the
system can exchange two folders in one step (Linux), the target is at every moment the old folder or the new one.
Elsewhere there is a moment between two renames; what a process killed there leaves behind is put right by
``recover``. A scratch folder is locked while its process lives, so leftovers of dead ones can be told apart.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT_FDCWD = -100
RENAME_EXCHANGE = 2
ATTEMPTS = 100  # renames lost in a row to other processes that save to the same place


@contextlib.contextmanager
def scratch_beside(folder: Path) -> Iterator[Path]:
    """A locked scratch folder on the same file system as ``folder``, gone afterwards."""
    import filelock  # noqa: PLC0415 - saving only: answering needs no lock

    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=scratch_prefix(folder)))
    try:
        with filelock.FileLock(scratch / "lock"):
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def scratch_prefix(folder: Path) -> str:
    """How scratch folders beside ``folder`` are called; the longest name that saving to it needs."""
    return f".{folder.name}.saving-"


def write_through(folder: Path) -> None:
    """Have every file, and every name, of a folder on the disk before going on; all get ordinary modes.

    safetensors writes files that only their owner can read.
    """
    mask = os.umask(0)
    os.umask(mask)
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            path.chmod(0o666 & ~mask)
        sync(path)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Write ``content`` to the disk beside ``path``, then rename it there: the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        made.write_bytes(content)
        sync(made)
        made.replace(path)
        sync(path.parent)
    finally:
        made.unlink(missing_ok=True)


def put_in_place(made: Path, folder: Path, *, replace: bool) -> Path | None:
    """Rename ``made`` to ``folder``.

    Args:
        made: A finished folder inside a scratch folder beside ``folder``.
        folder: Where it belongs.
        replace: Whether a folder that is there may be replaced.

    Returns:
        Where the replaced folder is now, inside the scratch folder; None when the place was free.

    Raises:
        FileExistsError: Something is there, and ``replace`` was not given.
        OSError: The file system refused; ``folder`` is what it was.
    """
    for attempt in range(ATTEMPTS):
        try:
            made.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            sync(folder.parent)
            return None
        if not replace:
            raise FileExistsError(errno.EEXIST, "something was saved there meanwhile", str(folder))
        if _exchange(made, folder):
            sync(folder.parent)
            return made
        old = made.with_name(f"old-{attempt}")
        with contextlib.suppress(FileNotFoundError):  # another process was between its two renames
            folder.rename(old)
            try:
                made.rename(folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    old.rename(folder)
                    raise
            else:
                sync(folder.parent)
                return old
    raise OSError(errno.EBUSY, f"lost the place {ATTEMPTS} times to other processes", str(folder))


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    function = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if function is None:
        return False
    return bool(function(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0)


def leftovers(folder: Path) -> list[Path]:
    """List scratch folders beside ``folder`` whose process is gone."""
    import filelock  # noqa: PLC0415

    found = []
    for scratch in sorted(folder.parent.glob(f"{glob.escape(scratch_prefix(folder))}*")):
        try:
            with filelock.FileLock(scratch / "lock", timeout=0):
                found.append(scratch)
        except (OSError, filelock.Timeout):  # alive, or gone while we looked
            continue
    return found


def recover(folder: Path, age_of: Callable[[Path], str | None]) -> tuple[Path | None, list[Path], list[Path]]:
    """Put right what killed processes left beside ``folder``; nothing whole is replaced, nothing newer removed.

    Where the place is free, the newest whole leftover takes it. Where it is taken, a whole leftover that is newer, or
    whose neighbour's age nobody knows, is kept beside it under a visible name. The rest is removed.

    Args:
        folder: The place that was being saved to.
        age_of: Says when a folder was finished, as text that sorts by time; None for one that is not whole.

    Returns:
        The leftover that was put in place, or None; the folders that were kept beside it; the scratch folders that
        were removed.
    """
    dead = leftovers(folder)
    ages = {path: age for scratch in dead for path in scratch.iterdir() if path.is_dir() and (age := age_of(path))}
    whole = sorted(ages, key=lambda path: ages[path], reverse=True)
    free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    put_back = None
    if whole and free:
        put_back = whole[0]
        put_in_place(put_back, folder, replace=False)
    in_place = age_of(folder)
    kept = []
    for path in whole:
        if path.exists() and (in_place is None or ages[path] > in_place):
            kept.append(free_name(folder, "kept"))
            path.rename(kept[-1])
    for scratch in dead:
        shutil.rmtree(scratch, ignore_errors=True)
    return put_back, kept, dead


def free_name(folder: Path, word: str) -> Path:
    """Make an empty folder beside ``folder`` whose name says why it is there, for something to be renamed to."""
    return Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.{word}-"))
