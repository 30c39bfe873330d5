"""The way into the cage: namespaces of the kernel, three processes, and nobody who outlives them.

The first process waits outside; the second is number 1 of the new world, builds its root, gives up all rights and
waits; the third goes on, and runs the submission. Where number 1 ends, the kernel ends everything in there, whatever
it has made of itself; it ends with the third, with the first, and when the first is told to. No process in there can
see or reach one outside. Run by its path, in the child; it imports nothing of this package.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOUNTS, GROUPS, NAMES, IPC, USERS, PROCESSES, NETWORK = (
    *(0x00020000, 0x02000000, 0x04000000, 0x08000000),  # CLONE_NEWNS, -CGROUP, -UTS, -IPC
    *(0x10000000, 0x20000000, 0x40000000),  # -USER, -PID, -NET
)
KINDS = MOUNTS | GROUPS | NAMES | IPC | PROCESSES | NETWORK
PARENT_ENDS = 1  # PR_SET_PDEATHSIG
SOMEBODY = 65_533  # in a namespace of users that is made for it, any number will do
HOST = b"cage"
HOLDS = ("a root of its own", "read-only mounts", "a network of its own", "processes of its own")
BY_SIGNAL = 128  # and its number: how number 1, which no signal of its own world ends, says what ended the third
KERNEL = ctypes.CDLL(None, use_errno=True)


def tried(enter: Callable[[], None]) -> str:  # pragma: no cover - runs in a child
    """Enter in a forked process; why that is not possible here, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            enter()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - whatever it was, somebody reads it
            os.write(writing, f"{type(error).__name__}: {error}".encode()[:300])
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as file:
        why = file.read().decode(errors="replace")
    return why if os.waitpid(child, 0)[1] == 0 else why or "it ended without a word"


def enter(
    plan: Mapping[str, Any], root: Mapping[str, Any], give_up: Callable[[int], None]
) -> None:  # pragma: no cover - runs in a child
    """Go there; only the third process returns, and where it ends the two others do.

    Args:
        plan: What there is to be seen.
        root: What ``sandbox_root`` holds.
        give_up: Takes all rights from this process, and makes it that of another user.

    Raises:
        OSError: One of the steps is not possible here; those before it have been taken.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # number 1 hears from inside what it handles, and nothing else
    own, user = (os.geteuid(), os.getegid()), unused_user() or SOMEBODY
    owners = root["owners_of"](plan, user)
    if user == SOMEBODY or KERNEL.unshare(KINDS):
        root["must"]("a user namespace", KERNEL.unshare(KINDS | USERS))
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {own[0]} 1"), ("gid_map", f"{user} {own[1]} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
    if first := os.fork():
        signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGKILL))
        end_with_parent()
        _end_as(first)
    end_with_parent()
    KERNEL.sethostname(HOST, len(HOST))
    root["build"](plan, owners)
    give_up(user)
    end_with_parent()  # a change of user has undone it
    if worker := os.fork():
        _end_as(worker)
    os.setsid()  # a signal to its group reaches neither of the two


def unused_user() -> int:
    """Count down from the highest number of a user that there is: nobody's, and another one for each process.

    Returns:
        0 where the highest is 0: in a container that knows one user.
    """
    with open("/proc/self/uid_map") as file:
        first, _, count = map(int, file.read().split()[-3:])
    return first + count - 1 - os.getpid() % (count // 2 or 1)


def end_with_parent() -> None:  # pragma: no cover - runs in a child
    """Have the kernel end this process with the one that started it; to be said again by each, and under each user."""
    KERNEL.prctl(PARENT_ENDS, signal.SIGKILL, 0, 0, 0)


def _end_as(process: int) -> None:  # pragma: no cover - runs in a child
    """Wait for a process, and for every other that has lost its parent, then end as it did."""
    while (ended := os.wait())[0] != process:
        pass
    code = os.waitstatus_to_exitcode(ended[1])
    number = -code if code < 0 else code - BY_SIGNAL
    if number > 0 and os.getpid() != 1:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.kill(os.getpid(), number)
    os._exit(code if code >= 0 else BY_SIGNAL + number)
