"""Do something in a process of its own, so that whatever it changes is changed there alone.

A data set may count its rows, open its file when it is first asked, draw from a generator that nobody can find: reading
a row twice would make another run. A forked process reads, sends back what it found, and ends without looking back.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import select
import signal
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
LIMIT = 60  # seconds; sixteen rows take milliseconds, a data set that fetches them from afar some more
LARGEST = 500_000_000  # bytes that are taken back


class Here:
    """Whether this process is such a child already: then nothing that it does is seen."""

    is_child = False


def in_child(work: Callable[[], T]) -> T | str:
    """Call ``work`` in a forked process, or here where there is no forking, or this is one.

    Args:
        work: What it returns must be picklable; it should use the CPU alone.

    Returns:
        What ``work`` returned, or a sentence that says why there is nothing.
    """
    if not hasattr(os, "fork") or Here.is_child:
        return work()
    reading, writing = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads: one of ours is used
        child = os.fork()
    if not child:  # pragma: no cover - in the child, unseen
        _work_and_end(work, reading, writing)
    os.close(writing)
    try:
        blob = _receive(reading, time.monotonic() + LIMIT)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)  # it has ended, or never will
        os.waitpid(child, 0)
    if blob is None:
        return f"reading rows took more than {LIMIT} s, or more than {LARGEST / 1e6:.0f} MB"
    if not blob:
        return "the process that read rows died"
    found: T | str = pickle.loads(blob)  # noqa: S301 - from our own child
    return found


class _Packer(pickle.Pickler):
    """Tensors travel as arrays: torch makes an archive of each, which takes a fifth of the whole visit."""

    def reducer_override(self, found: Any) -> Any:  # noqa: ANN401
        """Where there is such an array; in torch's own way otherwise."""
        torch = sys.modules.get("torch")
        if torch and type(found) is torch.Tensor and not found.requires_grad:
            with contextlib.suppress(Exception):  # bfloat16, another device, sparse
                return torch.from_numpy, (found.numpy(),)
        return NotImplemented


def packed(found: object) -> bytes:
    """What ``pickle.loads`` turns into an equal object."""
    stream = io.BytesIO()
    _Packer(stream, pickle.HIGHEST_PROTOCOL).dump(found)
    return stream.getvalue()


def _receive(reading: int, deadline: float) -> bytes | None:
    """Everything that comes, until it ends; None where it takes too long, or too much."""
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready or sum(map(len, parts)) > LARGEST:
            return None
        part = os.read(reading, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _work_and_end(
    work: Callable[[], Any], reading: int, writing: int
) -> None:  # pragma: no cover - in the child, unseen
    """In the child: one thread, no output, and an end that runs nobody's clean-up."""
    try:
        Here.is_child = True
        os.close(reading)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)  # threads of the parent are not here, and would be waited for
        try:
            blob = packed(work())
        except Exception as error:  # noqa: BLE001 - somebody's data set or collator
            blob = pickle.dumps(f"rows could not be read in a process of their own ({type(error).__name__}: {error})")
        while blob:
            blob = blob[os.write(writing, blob) :]
    finally:
        os._exit(0)
