"""The tensors of a pickle as a safetensors file, made by a child process after a clean scan.

torch is never imported into the process that inspects, and a reader that reads a foreign file may die of it: a limit of
memory, of time, a crash in a library. All of that happens in the child; here it is one sentence.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .pickles import scan_pickle

SCRIPT = Path(__file__).with_name("pickle_script.py")
SECONDS = 60.0  # importing torch takes 1.3 s where it was read before, and longer from a cold disk
BYTES_A_SECOND = 20_000_000  # 1 GB took 0.5 s (zip) and 5 s (older form): a slow disk has time
DATA_BYTES = 3_000_000_000  # writable memory without the file; torch for CPUs takes 0.2 GB, others more
COPIES = 6  # of the file, mapped and copied, may be in memory at once: tied weights are written once a name
HEADER_BYTES = 200_000_000  # safetensors' header is at most 100 MB
LONGEST_SENTENCE = 2_000
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "HOME")  # nothing that configures Python or torch


def as_safetensors(path: Path, target: Path) -> str:
    """Write the tensors of ``path`` to ``target``, byte for byte.

    Args:
        path: A file of ``torch.save``, under whatever name.
        target: A file that does not exist; nothing is left there where something is wrong.

    Returns:
        Nothing, or a sentence that says why there is no ``target``. Nothing in the file makes it raise.
    """
    scan = scan_pickle(path)
    if scan.unsafe or scan.complaint:
        return scan.complaint or f"not read: it would import or call {', '.join(scan.unsafe[:5])}"
    if os.path.lexists(target):
        return f"{target.name} is already there"
    before = _identity(path)
    said = _convert(path, target, before[1])
    if not said and _identity(path) != before:
        said = "it changed while it was read"
    if said:
        with contextlib.suppress(OSError):
            target.unlink()
    return said


def _identity(path: Path) -> tuple[int, int, int]:
    """Which file it is, how long, and when it was changed; (0, 0, 0) where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


def _convert(path: Path, target: Path, size: int) -> str:
    seconds = SECONDS + size / BYTES_A_SECOND
    limits = (int(seconds) + 1, DATA_BYTES + COPIES * size, HEADER_BYTES + COPIES * size)
    with tempfile.TemporaryFile() as output:  # a file, not a pipe: its size is limited, and nobody waits for it
        child = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", str(SCRIPT), str(path.absolute()), str(target.absolute()), *map(str, limits)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=target.parent,
            env={name: os.environ[name] for name in KEPT if name in os.environ}
            | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            start_new_session=True,
        )
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"reading it took more than {seconds:.0f} s"
        finally:
            child.kill()
            with contextlib.suppress(OSError, AttributeError):  # all gone already; no groups on Windows
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        output.seek(0)
        said = output.read(LONGEST_SENTENCE).decode("ascii", "replace").strip()
    if status or (not said and not target.is_file()):
        return said or f"the process that read it ended with status {status}"
    return said
