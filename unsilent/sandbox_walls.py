"""The first layer of the sandbox, where the system allows it: namespaces of the kernel, around the whole process.

A network of its own, in which there is nothing; every file system read-only but for one scratch folder; capabilities
dropped, so that none of it can be undone. It holds for code that Python cannot watch, and for processes that are
started. Root needs nothing for it, others a system that gives them a user namespace. Run by its path, in the child.
"""

from __future__ import annotations

import contextlib
import os
import signal

NAMESPACES, NETWORK, USERS = 0x00020000, 0x40000000, 0x10000000  # CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWUSER
PRIVATE, BIND, RECURSIVE = 1 << 18, 1 << 12, 1 << 14  # MS_PRIVATE, MS_BIND, MS_REC
MOUNT_SETATTR, HERE, BELOW, READ_ONLY = 442, -100, 0x8000, 1  # system call, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY
CAPABILITIES = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
READ_ALL = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: root goes on reading what is not its own
NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
PARENT_ENDS = 1  # PR_SET_PDEATHSIG


def end_with_parent() -> None:  # pragma: no cover - runs in a child
    """Have the kernel end this process with the one that started it, where it can; call it behind all walls."""
    with contextlib.suppress(Exception):
        import ctypes  # noqa: PLC0415 - not on every system

        ctypes.CDLL(None).prctl(PARENT_ENDS, signal.SIGKILL, 0, 0, 0)


def enclose(scratch: str) -> list[str]:  # pragma: no cover - runs in a child, and changes the whole process
    """Move into namespaces, as far as a trial in a forked process shows that it works here.

    Returns:
        What holds from now on, in words.
    """
    for kinds, words in (
        (NAMESPACES | NETWORK, ["a network of its own", "read-only mounts"]),
        (NETWORK, ["a network of its own"]),
    ):
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                _enter(kinds, scratch)
                os._exit(0)
            os._exit(1)
        if os.waitpid(child, 0)[1] == 0:
            _enter(kinds, scratch)
            return words
    return []


def _enter(kinds: int, scratch: str) -> None:  # pragma: no cover - as enclose
    """Leave the namespaces of this machine.

    Raises:
        Exception: One of the steps is not possible here; those before it have been taken.
    """
    import ctypes  # noqa: PLC0415 - not on every system

    libc = ctypes.CDLL(None, use_errno=True)

    def must(status: int) -> None:
        if status:
            raise OSError(ctypes.get_errno(), "not here")

    user, group = os.getuid(), os.getgid()
    if libc.unshare(kinds):
        must(libc.unshare(kinds | USERS))
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - a file of the kernel
                file.write(line)
    if kinds & NAMESPACES:
        place = os.fsencode(scratch)
        must(libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None))
        must(libc.mount(place, place, None, BIND, None))
        for path, flags, attributes in ((b"/", BELOW, (READ_ONLY, 0, 0, 0)), (place, 0, (0, READ_ONLY, 0, 0))):
            must(libc.syscall(MOUNT_SETATTR, HERE, path, flags, (ctypes.c_uint64 * 4)(*attributes), 32))
    header, sets = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    must(libc.capget(header, sets))
    must(libc.capset(header, (ctypes.c_uint32 * 6)(sets[0] & READ_ALL, sets[1] & READ_ALL)))
    must(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
