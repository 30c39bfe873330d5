"""A filter of system calls: what no submission needs, and what is a way out of a cage or around its limits.

Written as the kernel takes it, instructions for a small machine that looks at the number of a call and at its first
arguments, for the two architectures whose numbers are known here. It is no list of all that is allowed: the namespaces,
the user and the limits hold the cage, and this takes away what these do not see: a new namespace in which one is root
again, debugging, a socket to the host of a virtual machine, memory that no limit counts, and whatever kernels learn
after this was written. Run by its path, in the child; it imports nothing of this package.
"""

from __future__ import annotations

import ctypes
import os

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # AUDIT_ARCH_..., and the column below
# Numbers from the kernel's own headers, asm/unistd_64.h and asm-generic/unistd.h; those above 423 are the same.
REFUSED = {
    # looking into another process
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "perf_event_open": (298, 241),
    # another world, or another look at this one
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40),
    "umount2": (166, 39), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    # the kernel's own matters, through which it has been broken before
    "bpf": (321, 280), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "personality": (135, 92), "lookup_dcookie": (212, 18), "syslog": (103, 116),
    "modify_ldt": (154, None), "iopl": (172, None), "ioperm": (173, None),
    # the whole machine's
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58),
    # memory that belongs to no process and counts nowhere
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190),
}  # fmt: skip
CLONE, CLONE3, SOCKET, SETSOCKOPT = (56, 220), (435, 435), (41, 198), (54, 208)
IOCTL, FCNTL = (16, 29), (72, 25)
FIRST_UNKNOWN = 463  # Linux 6.12 ends here; what came later answers as if it were not there, and programs do without
NAMESPACES = 0x7E020000  # every CLONE_NEW... that clone takes
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; of the others some, as AF_VSOCK, know no namespace
TO_TERMINAL = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX: to type what the user of a terminal did not
LEASE = (1024,)  # F_SETLEASE: to hold up whoever outside wants to write a file that is seen in here
BUFFERS = (7, 8)  # SO_SNDBUF and SO_RCVBUF: what lies in a socket is memory that counts nowhere

LOAD, EQUAL, AT_LEAST, ANY_OF, END = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|W|ABS, JEQ, JGE, JSET, RET
NUMBER, ARCHITECTURE, FIRST, SECOND, THIRD = (
    0,
    4,
    16,
    24,
    32,
)  # in struct seccomp_data; arguments' lower halves
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NOT_PERMITTED, UNKNOWN, NO_FAMILY = ERROR | 1, ERROR | 38, ERROR | 97  # EPERM, ENOSYS, EAFNOSUPPORT
SET_SECCOMP, FILTER = 22, 2

Instruction = tuple[int, int, int, int]  # code, how many to skip where it holds, and where not, value


def program(machine: str) -> list[Instruction]:
    """Write the filter for an architecture; none where its numbers are not known."""
    if machine not in ARCHITECTURES:
        return []
    name, column = ARCHITECTURES[machine]
    lines: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        *((EQUAL, 1, 0, name), (END, 0, 0, UNKNOWN)),
        (LOAD, 0, 0, NUMBER),
        *((AT_LEAST, 0, 1, FIRST_UNKNOWN), (END, 0, 0, UNKNOWN)),  # those of x32 among them
        *((EQUAL, 0, 1, CLONE3[column]), (END, 0, 0, UNKNOWN)),  # its flags lie in memory: libraries take clone then
    ]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            lines += [(EQUAL, 0, 1, number), (END, 0, 0, NOT_PERMITTED)]
    for number, place, checks, otherwise in (
        (CLONE[column], FIRST, [(ANY_OF, 0, 1, NAMESPACES), (END, 0, 0, NOT_PERMITTED)], ALLOW),
        (IOCTL[column], SECOND, [line for one in TO_TERMINAL for line in _if(one, NOT_PERMITTED)], ALLOW),
        (FCNTL[column], SECOND, [line for one in LEASE for line in _if(one, NOT_PERMITTED)], ALLOW),
        (SETSOCKOPT[column], THIRD, [line for one in BUFFERS for line in _if(one, NOT_PERMITTED)], ALLOW),
        (SOCKET[column], FIRST, [line for one in FAMILIES for line in _if(one, ALLOW)], NO_FAMILY),
    ):
        body: list[Instruction] = [(LOAD, 0, 0, place), *checks, (END, 0, 0, otherwise)]
        lines += [(EQUAL, 0, len(body), number), *body]
    return [*lines, (END, 0, 0, ALLOW)]


def _if(value: int, answer: int) -> list[Instruction]:
    return [(EQUAL, 0, 1, value), (END, 0, 0, answer)]


def refuse_calls() -> bool:  # pragma: no cover - runs in a child, and cannot be undone
    """Put the filter over this process and all that it starts; whether there is one."""

    class Line(ctypes.Structure):
        _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_uint16), ("lines", ctypes.POINTER(Line)))

    lines = program(os.uname().machine)
    held = (Line * len(lines))(*(Line(*line) for line in lines))
    kernel = ctypes.CDLL(None, use_errno=True)
    return bool(lines) and kernel.prctl(SET_SECCOMP, FILTER, ctypes.byref(Program(len(lines), held)), 0, 0) == 0
