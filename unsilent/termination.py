"""A program that is told to end tidies up first: what it has copied to a scratch folder goes with it.

SIGTERM ends a Python process at once, and no ``with`` is left. Where a program begins it is turned into an exception,
as Ctrl-C is. Child processes end with this one. A loop that can be gone on with is not interrupted: it takes note, and
ends where nothing is lost.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

EXIT_TERMINATED = 128 + signal.SIGTERM  # as a shell says it of a process that the signal has ended


class Told:
    """Whether the process was told to end, and by which signal.

    Attributes:
        signal: Its number; 0 as long as there was none.
    """

    def __init__(self) -> None:
        self.signal = 0

    def end(self) -> NoReturn:
        """End as the signal would have, had nobody taken note of it.

        Raises:
            KeyboardInterrupt: It was Ctrl-C.
            SystemExit: With status 143.
        """
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(EXIT_TERMINATED)


@contextlib.contextmanager
def note_signals() -> Iterator[Told]:
    """Let SIGTERM and Ctrl-C be noted in here, once, instead of ending the process; a second one ends it at once.

    As above, handlers of others stay, and outside the main thread nothing is changed.
    """
    told = Told()
    ours: dict[int, tuple[object, ...]] = {
        signal.SIGTERM: (signal.SIG_DFL, _end),
        signal.SIGINT: (signal.default_int_handler,),
    }
    before = {number: handler for number in ours if (handler := signal.getsignal(number)) in ours[number]}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as a handler is called
        told.signal = number
        put_back()

    try:
        for number in before:
            signal.signal(number, note)
    except ValueError:  # not the main thread
        before.clear()
    try:
        yield told
    finally:
        put_back()


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
