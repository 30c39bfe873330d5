"""Open a file that somebody else wrote: a plain file or nothing.

A FIFO would wait for ever, a device may act when it is opened, a folder cannot be read: each becomes one sentence. What
is checked is the open file, so that nothing can be put in its place between the check and the reading.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)


class NotPlain(Exception):
    """No plain file, or one that cannot be opened; the message says which."""


def is_inside(path: Path, root: Path) -> bool:
    """Whether a path leads to a place below a root, whatever links there are on the way."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading.

    Raises:
        NotPlain: A folder, a FIFO, a device, a socket, nothing at all, or no permission.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before it is opened: some devices act on that alone
            raise NotPlain(f"{path.name} is no plain file")
        file = open(os.open(path, os.O_RDONLY | NO_WAITING), "rb")  # noqa: SIM115, PTH123 - the caller closes it
    except (OSError, ValueError) as error:
        raise NotPlain(f"{path.name} cannot be opened ({type(error).__name__}: {error})") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotPlain(f"{path.name} is no plain file any more")
    return file
