"""What a process in the cage gives up before it runs a submission: its user, its rights, and most of the machine.

Another user without groups, no capability and none to be had, no program that gives more rights, no look into it by
others, and limits of the kernel to memory, time, processes, files and their size. ``held`` asks the kernel afterwards
what of it is so, and does not rely on what was tried. Run by its path, in the child; it imports nothing of this
package.
"""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DUMPABLE, DROP_BOUND, NO_NEW_PRIVILEGES, AMBIENT, CLEAR_ALL = 4, 24, 38, 47, 4  # PR_SET_DUMPABLE and others
CAPABILITIES = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
HIGHEST = 64  # of capabilities; version 3 has no room for more
GRACE = 5  # seconds between SIGXCPU, which a program may ignore, and SIGKILL


def give_up(user: int | None, limits: Mapping[str, int]) -> None:  # pragma: no cover - runs in a child
    """Give it all up.

    Args:
        user: Whom to become; None to stay who one is.
        limits: By their names in ``resource``, without ``RLIMIT_``.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    for number in range(HIGHEST):
        kernel.prctl(DROP_BOUND, number, 0, 0, 0)
    if user is not None:
        with suppress(PermissionError):  # in a namespace of users, where other groups are nobody's
            os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    kernel.prctl(AMBIENT, CLEAR_ALL, 0, 0, 0)
    kernel.capset((ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)())
    kernel.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    kernel.prctl(DUMPABLE, 0, 0, 0, 0)
    for name, most in limits.items():
        with suppress(ValueError, OSError, AttributeError):  # unknown on this system
            kind = getattr(resource, f"RLIMIT_{name}")
            hard = resource.getrlimit(kind)[1]
            end = most + GRACE if name == "CPU" else most
            end = end if hard == resource.RLIM_INFINITY else min(end, hard)
            resource.setrlimit(kind, (min(most, end), end))


def held(limits: Mapping[str, int]) -> list[str]:  # pragma: no cover - runs in a child
    """Ask the kernel what this process can't do; in words."""
    found = {}
    with suppress(OSError), open("/proc/self/status") as file:
        found = {name: value.split() for name, _, value in (line.partition(":") for line in file)}
    kinds = {name: getattr(resource, f"RLIMIT_{name}") for name in limits if hasattr(resource, f"RLIMIT_{name}")}
    is_limited = kinds.keys() == limits.keys() and all(
        0 <= resource.getrlimit(kind)[0] <= limits[name] for name, kind in kinds.items()
    )
    # what could be had (CapBnd) only root can give up; it can't be had without new privileges
    capabilities = [int(found.get(f"Cap{kind}", ["1"])[0], 16) for kind in ("Inh", "Prm", "Eff", "Amb")]
    return [
        words
        for words, is_so in (
            ("no capabilities", not any(capabilities)),
            ("no new privileges", found.get("NoNewPrivs") == ["1"]),
            ("a filter of system calls", found.get("Seccomp") == ["2"]),
            ("limits of the kernel", is_limited),
        )
        if is_so
    ]
