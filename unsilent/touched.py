"""What a program touched while it answered: files, sockets, other programs.

Python tells its audit hooks of every file that it opens, whichever library asked. A hook can never be taken off again,
so there is one for the process, which does nothing unless somebody watches.

Not seen: what compiled code opens by itself (tokenizers, safetensors, arrow), what was read before the watch began, and
what another process reads; which other processes there are is listed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Touched:
    """What happened while it was watched; each thing once, in order.

    Attributes:
        files: Absolute paths that were opened for reading, databases among them.
        sockets: Addresses that were connected or sent to, or looked up.
        processes: Programs that were started; ``fork`` where the process was copied.
        imports: Modules that were imported.
        libraries: Compiled libraries that were loaded through ctypes.
        helpers: Command lines of the child processes that were alive at the end, whenever they were started (on Linux).
            Libraries have some as well, such as the resource tracker of multiprocessing.
    """

    files: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)


_watching: list[Touched] = []
_installed: list[bool] = []
_own = threading.local()


@contextlib.contextmanager
def watched() -> Iterator[Touched]:
    """Watch what this process touches, on every thread of it."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hear)
    touched = Touched()
    _watching.append(touched)
    try:
        yield touched
    finally:
        _watching[:] = [other for other in _watching if other is not touched]
        with unwatched():
            touched.helpers = _children()


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """What this thread touches inside is the probe's own doing."""
    before = getattr(_own, "work", False)
    _own.work = True
    try:
        yield
    finally:
        _own.work = before


def _hear(event: str, args: tuple[Any, ...]) -> None:
    """Note an event of the interpreter's; called for each, so it is left at once where nobody watches."""
    if not _watching:
        return
    kind = _KINDS.get(event)
    if kind is None or getattr(_own, "work", False):
        return
    with contextlib.suppress(Exception):  # an error here would be raised in the program that is watched
        what = _describe(event, args)
        for touched in _watching:
            noted = getattr(touched, kind)
            if what and what not in noted:
                noted.append(what)


def _children() -> list[str]:
    """Command lines of this process's living children."""
    found = []
    with contextlib.suppress(OSError):  # no such files but on Linux; or a child that has just ended
        for listing in Path("/proc/self/task").glob("*/children"):
            for child in listing.read_text().split():
                words = Path("/proc", child, "cmdline").read_bytes().split(b"\0")
                found += [" ".join(map(os.fsdecode, words)).strip()] if any(words) else []
    return found


_KINDS = {
    "open": "files",
    "sqlite3.connect": "files",
    "socket.connect": "sockets",
    "socket.sendto": "sockets",
    "socket.getaddrinfo": "sockets",
    "subprocess.Popen": "processes",
    "os.system": "processes",
    "os.exec": "processes",
    "os.posix_spawn": "processes",
    "os.fork": "processes",
    "os.forkpty": "processes",
    "pty.spawn": "processes",
    "import": "imports",
    "ctypes.dlopen": "libraries",
}


def _describe(event: str, args: tuple[Any, ...]) -> str:
    """Put an event into words; empty where it is nothing of interest, such as a file that is only written."""
    if event == "open":
        path, _, flags = args
        is_read = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY
        return "" if isinstance(path, int) or not is_read else _absolute(path)
    if event == "sqlite3.connect":
        return _database(os.fsdecode(args[0]))
    if event.startswith("socket.con") or event == "socket.sendto":
        return _address(args[1])
    if event == "socket.getaddrinfo":
        return _address(args[:2])
    if event == "subprocess.Popen":
        return _command(args[1])
    return _command(args[0]) if args else "fork"


def _absolute(path: Any) -> str:  # noqa: ANN401 - str, bytes or a path
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - Path.absolute keeps the dots


def _database(name: str) -> str:
    path = name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name
    return _absolute(path) if path and path != ":memory:" else ""


def _address(address: Any) -> str:  # noqa: ANN401
    return ":".join(map(str, address[:2])) if isinstance(address, tuple) else os.fsdecode(address)


def _command(command: Any) -> str:  # noqa: ANN401 - a name, or its arguments
    words = command if isinstance(command, list | tuple) else [command]
    return " ".join(os.fsdecode(word) for word in words if word is not None)
