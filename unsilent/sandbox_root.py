"""The cage's own root: a small memory disk on which appears what is needed, read-only, and nothing else.

Folders keep their names, so that a program finds its libraries, and belong to whoever looks, because weights are often
readable for their owner alone. There is a fresh ``/proc``, a few devices, and one disk of limited size to write on. The
old root is left behind and can't be reached again. Run by its path, in the child; it imports nothing of this package.
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Owners = dict[tuple[int, int], int]

USERS = 0x10000000  # CLONE_NEWUSER
READ_ONLY, NO_SETUID, NO_DEVICES, NO_PROGRAMS = 1, 2, 4, 8  # MS_ and MOUNT_ATTR_ alike
OWNERS_CHANGED = 0x00100000  # MOUNT_ATTR_IDMAP
BIND, RECURSIVE, PRIVATE, DETACH = 1 << 12, 1 << 14, 1 << 18, 2  # MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442  # system calls, the same on every architecture
HERE, BELOW, ITSELF = -100, 0x8000, 0x1000  # AT_FDCWD, AT_RECURSIVE, AT_EMPTY_PATH
AS_CLONE, CLOSE_ON_EXEC, FROM_ITSELF = 1, 0o2000000, 4  # OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, MOVE_MOUNT_F_EMPTY_PATH
DEVICES = ("null", "zero", "full", "random", "urandom")
SHOWN = READ_ONLY | NO_SETUID | NO_DEVICES
NOTHING = SHOWN | NO_PROGRAMS
SMALL = "size=1m,nr_inodes=4096,mode=755"  # the new root itself: folders to mount on
EMPTY = "size=4k,nr_inodes=2,mode=755"
KERNEL = ctypes.CDLL(None, use_errno=True)


def owners_of(plan: Mapping[str, Any], user: int) -> Owners:  # pragma: no cover - runs in a child, all that follows
    """For each owner of what is shown, a namespace in which that is the new user; none where only root may."""
    owners: Owners = {}
    for path in [*plan["visible"], *plan["over"].values()]:
        with suppress(OSError):
            status = os.stat(path)
            if (owner := (status.st_uid, status.st_gid)) not in owners:
                owners[owner] = _namespace(owner, user)
    return owners


def _namespace(owner: tuple[int, int], user: int) -> int:  # pragma: no cover
    """Open a namespace of users in which one number stands for another; a process is needed to make one."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"." if KERNEL.unshare(USERS) == 0 else b"!")
        signal.pause()
    try:
        os.read(reading, 1)
        for name, number in zip(("uid_map", "gid_map"), owner, strict=True):
            with open(f"/proc/{child}/{name}", "w") as file:
                file.write(f"{number} {user} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(reading)
        os.close(writing)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def build(plan: Mapping[str, Any], owners: Owners) -> None:  # pragma: no cover
    """Build the new root and make it the only one; ``owners`` are closed, being ways out of here.

    Raises:
        OSError: One of the steps is not possible here.
    """
    new = plan["place"]
    must("private mounts", KERNEL.mount(None, b"/", None, RECURSIVE | PRIVATE, None))
    _mount("tmpfs", new, NO_SETUID | NO_DEVICES, SMALL)
    for path, source in [*((path, path) for path in plan["visible"]), *plan["over"].items()]:
        _show(source, new + path, owners, SHOWN)
    for path in plan["covered"]:
        _mount("tmpfs", new + path, NOTHING, EMPTY)
    for name in DEVICES:
        _show(f"/dev/{name}", f"{new}/dev/{name}", {}, NOTHING - NO_DEVICES)
    scratch, size, files = plan["scratch"]
    for kind, path, flags, options in (
        ("tmpfs", scratch, NO_SETUID | NO_DEVICES, f"size={size},nr_inodes={files},mode=1777"),
        ("proc", "/proc", NOTHING, "hidepid=2"),
    ):
        os.makedirs(new + path)
        _mount(kind, new + path, flags, options)
    for path, leads_to in plan["links"]:
        if not os.path.lexists(new + path):
            os.makedirs(os.path.dirname(new + path), exist_ok=True)
            os.symlink(leads_to, new + path)
    for namespace in owners.values():
        os.close(namespace)
    os.chdir(new)
    must("pivot_root", KERNEL.pivot_root(b".", b"."))
    must("the old root", KERNEL.umount2(b".", DETACH))
    os.chdir("/")
    must("the new root", _set(HERE, "/", 0, SHOWN))


def must(what: str, status: int) -> int:
    """Give the status of a system call.

    Raises:
        OSError: It failed.
    """
    if status < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return status


def _mount(kind: str, place: str, flags: int, options: str) -> None:  # pragma: no cover
    must(kind, KERNEL.mount(kind.encode(), os.fsencode(place), kind.encode(), flags, options.encode()))


def _show(source: str, target: str, owners: Owners, flags: int) -> None:  # pragma: no cover
    """Let a folder or file appear at a place of the new root, as its new owner's own where the system can do that."""
    is_folder, status, place = os.path.isdir(source), os.stat(source), os.fsencode(target)
    if not os.path.lexists(target):
        os.makedirs(target if is_folder else os.path.dirname(target), exist_ok=True)
        if not is_folder:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    if namespace := owners.get((status.st_uid, status.st_gid)):
        with ExitStack() as stack:
            tree = KERNEL.syscall(OPEN_TREE, HERE, os.fsencode(source), AS_CLONE | CLOSE_ON_EXEC | BELOW)
            stack.callback(os.close, must(source, tree))
            if _set(tree, "", ITSELF | BELOW, flags | OWNERS_CHANGED, namespace) == 0:
                must(target, KERNEL.syscall(MOVE_MOUNT, tree, b"", HERE, place, FROM_ITSELF))
                return
    must(source, KERNEL.mount(os.fsencode(source), place, None, BIND | RECURSIVE, None))
    must(target, _set(HERE, target, BELOW, flags))


def _set(place: int, path: str, how: int, flags: int, namespace: int = 0) -> int:  # pragma: no cover
    """Set attributes of a mount, and of those below it where ``how`` says so."""
    attributes = (ctypes.c_uint64 * 4)(flags, 0, 0, namespace)
    status: int = KERNEL.syscall(MOUNT_SETATTR, place, os.fsencode(path), how, attributes, 32)
    return status
