"""A cage for a submission that means harm: its limits, what is to be seen from inside, and what it must hold.

``sandbox`` runs a script in it where it is asked to; ``sandbox_worlds``, ``sandbox_root``, ``sandbox_rights`` and
``sandbox_calls`` build it, in the child, from the plan that is made here. Every limit stands here. What holds is asked
of the kernel and told before anything of the submission runs; below ``MINIMUM`` nothing of it does.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .closure import Closure

# What a process may be protected by, in words, and what that is good for.
PROTECTIONS = {
    "a root of its own": "It sees libraries, Python, the submission and the base models, and no other file.",
    "read-only mounts": "Nothing that it sees can be changed, but a scratch folder that is gone afterwards.",
    "a network of its own": "There is nobody in its network but itself.",
    "processes of its own": "It sees and reaches no other process, and none that it starts outlives it.",
    "no capabilities": "It has no right that goes beyond those of a plain user, and gets none.",
    "no new privileges": "No program that it starts has more rights than itself.",
    "a filter of system calls": "Debugging, mounting, new namespaces and the kernel's own matters are refused.",
    "limits of the kernel": "Memory, processor time, processes, open files and their size are limited.",
    "a finder that hides other packages": "Packages that a grader has not are not installed, to whoever asks.",
    "an audit hook": "What Python itself writes elsewhere or connects to is refused, and told with its line.",
}
MINIMUM = tuple(PROTECTIONS)[:8]  # all that the kernel holds; Python's own can be switched off from inside

SCRATCH = "/scratch"  # in the cage: HOME, TMPDIR and /dev/shm
# The system's libraries, as the loader finds them, and what tells libraries how many processors there are.
SYSTEM = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store"),
    *("/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu"),
)
SHARED_PREFIXES = ("/", "/usr")  # where Python has no folder of its own
LINKS = (("/dev/shm", SCRATCH), ("/dev/fd", "/proc/self/fd"))  # noqa: S108 - in a root of our own
KEPT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# Where base models are found; names of folders, of which those can be seen that are ``readable``.
PLACES = (
    *("HOMEWORK_CACHE_DIR", "HOMEWORK_CHECKPOINT", "XDG_CACHE_HOME"),
    *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"),
)
MOST_LINKS = 40  # on one way; more make a circle, by the kernel's own measure
MOST_THREADS = 32  # that libraries start by themselves; more do not help models of this size, and count as processes
ADDRESSES = 4  # times as much address space as memory: files are mapped, and allocators reserve more than they use


@dataclass(frozen=True)
class Cage:
    """What a submission can see and use; sizes are in bytes.

    Attributes:
        readable: Files and folders that can be seen under their own names, with what links in them lead to: base
            models.
        over: Folders that are seen in the place of others, ``{path that is seen: folder that is there}``. That there is
            one, and where from, stands in ``/proc/self/mountinfo``: runs that are compared should each have one.
        environment: Variables beside those that every cage has.
        weakly: Run it also where the system does not give what ``MINIMUM`` names.
    """

    readable: Sequence[Path] = ()
    over: Mapping[Path, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    weakly: bool = False
    memory: int = 8_000_000_000
    """Of all processes together, and of the data of each; beside its file the 135M took 0.5 GB for 32 questions."""
    scratch: int = 256_000_000
    """Of files that are written, shared memory included: torch, transformers and peft write none."""
    scratch_files: int = 10_000
    processes: int = 256
    """All together, threads as well: with one thread for computing, that base and its adapter had 6."""
    open_files: int = 128
    """For each process: shards of a model, and pipes; each socket may hold 0.2 MB that are counted nowhere."""
    cpu_seconds: int = 7_200
    """For each process; the 135M takes two minutes of two cores for 1000 answers (see ``judging``)."""
    seconds: float = 3_600.0
    """From its start to its end, whatever it tells in between."""
    printed: int = 100_000_000
    """Of which the last 4 kB are kept; a bar of progress prints some 100 bytes ten times a second."""
    told: int = 10_000_000
    """1000 answers need 20 kB."""
    lines: int = 20_000
    """That are told: one for each phase and refusal."""

    def limits(self) -> dict[str, int]:
        """What the kernel limits for each process, by names of ``resource``."""
        return {
            "AS": ADDRESSES * self.memory,
            "DATA": self.memory,
            "FSIZE": self.scratch,
            "NPROC": self.processes,
            "NOFILE": self.open_files,
            "CPU": self.cpu_seconds,
            "CORE": 1,  # byte: with 0 a handler of core dumps, which has other limits, would still be started
            "MSGQUEUE": 0,
        }

    def variables(self) -> dict[str, str]:
        """Environment of the child: no home of the user, no tokens, no proxies."""
        caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return {
            "HF_HOME": str(Path(caches) / "huggingface"),  # as it was before HOME was another
            "OMP_NUM_THREADS": str(min(os.cpu_count() or 1, MOST_THREADS)),
            **{name: os.environ[name] for name in (*KEPT, *PLACES) if name in os.environ},
            "PATH": "/usr/bin:/bin",
            "USER": "cage",
            "HOME": SCRATCH,
            "TMPDIR": SCRATCH,
            **self.environment,
        }

    def plan(self, root: Path, place: str, packages: Closure | None) -> dict[str, Any]:
        """Say what is to be seen, and where; plain JSON, for the child that builds it.

        Args:
            root: The submission's copy.
            place: An empty folder, on which the new root is mounted.
            packages: What can be imported; None for all that is installed.
        """
        places = [one for one in sys.path if "-packages" in one] if packages is None else packages.places
        readable = [name for one in self.readable for name in (str(one.absolute()), *linked(one))]
        wanted = [*SYSTEM, *_python(), *places, str(root.absolute()), *readable]
        ways = [way(one) for one in wanted]
        over = {way(str(one.absolute())): str(source.resolve()) for one, source in self.over.items()}
        seen = outermost(real for _, real in ways if os.path.exists(real))  # noqa: PTH110 - a text
        own = str(Path(__file__).resolve().parent)
        return {
            "place": place,
            "visible": seen,
            "over": {real: source for (_, real), source in over.items()},
            "links": [*LINKS, *(link for links, _ in (*ways, *over) for link in links)],
            "covered": [own] if any(is_within(own, one) for one in seen) else [],
            "scratch": [SCRATCH, self.scratch, self.scratch_files],
            "limits": self.limits(),
            "minimum": [] if self.weakly else MINIMUM,
        }


def _python() -> list[str]:
    """Where Python itself lies."""
    prefixes = [] if sys.base_prefix in SHARED_PREFIXES else [sys.base_prefix]
    return [*prefixes, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), os.path.realpath(sys.executable)]


def way(path: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Follow an absolute path: every symbolic link on the way with what it says, and where it ends."""
    links: list[tuple[str, str]] = []
    at, left = "", path.split("/")
    while left and len(links) < MOST_LINKS:
        name = left.pop(0)
        if name == "..":
            at = at.rpartition("/")[0]
        elif name not in ("", "."):
            at = f"{at}/{name}"
            if os.path.islink(at):  # noqa: PTH114 - a text
                links.append((at, os.readlink(at)))  # noqa: PTH115
                left = links[-1][1].split("/") + left
                at = "" if links[-1][1].startswith("/") else at.rpartition("/")[0]
    return tuple(links), at or "/"


def linked(folder: Path) -> list[str]:
    """Files that links in a folder lead to: in the hub's cache a snapshot is nothing but links."""
    places = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return [os.path.realpath(path) for path in places if path.is_symlink() and path.is_file()]


def outermost(paths: Iterable[str]) -> list[str]:
    """Leave out what lies within another one."""
    found: list[str] = []
    for path in sorted(paths):
        if not any(is_within(path, one) for one in found):
            found.append(path)
    return found


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder's, or the folder itself."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
