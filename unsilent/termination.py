"""A program that is told to end tidies up first: what it has copied to a scratch folder goes with it.

SIGTERM ends a Python process at once, and no ``with`` is left. Where a program begins it is turned into an exception,
as Ctrl-C is. Child processes end with this one.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

EXIT_TERMINATED = 128 + signal.SIGTERM  # as a shell says it of a process that the signal has ended


@contextlib.contextmanager
def tidy_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise SystemExit(143) in here, once: a second one does not interrupt the tidying up.

    Whoever ignores or handles it already knows why, and outside the main thread no handler can be set: nothing is
    changed then.
    """
    try:
        is_ours = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        before = signal.signal(signal.SIGTERM, _end) if is_ours else None
    except ValueError:  # not the main thread
        before = None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - as a handler is called
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(EXIT_TERMINATED)
