"""What a long command is doing while it does it, on stderr: a line for each stage, and on a terminal one that moves."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol

from .outcome import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .dossier import Section

STYLES = {"passed": "green", "failed": "red", "undecided": "yellow"}


class Progress(Protocol):
    """Is told what begins and what has ended."""

    def begin(self, words: str) -> None:
        """Something begins that takes a while."""

    def end(self, section: Section) -> None:
        """A stage has ended."""


class Silent:
    """Says nothing, for whoever calls the gate from Python."""

    def begin(self, words: str) -> None:
        """As any progress."""

    def end(self, section: Section) -> None:
        """As any progress."""


class Lines:
    """Plain lines, as a log takes them."""

    def __init__(self, *, strict: bool = False, name: str = "gate") -> None:
        """With ``strict`` risks count as errors; each line begins with the name of the command."""
        self.strict, self.name = strict, name

    def begin(self, words: str) -> None:
        """Say it."""
        print(printable(f"{self.name}: {words} ..."), file=sys.stderr, flush=True)

    def end(self, section: Section) -> None:
        """Say it."""
        print(printable(f"{self.name}: {line_of(section, strict=self.strict)}"), file=sys.stderr, flush=True)


def line_of(section: Section, *, strict: bool = False) -> str:
    """Stage, part and verdict; how long it took."""
    return f"{f'{section.stage} {section.part}':<16} {section.verdict(strict=strict):<9} {section.seconds:5.1f} s"


@contextlib.contextmanager
def shown(*, strict: bool = False, name: str = "gate") -> Iterator[Progress]:
    """The progress that fits where stderr goes."""
    if not sys.stderr.isatty():
        yield Lines(strict=strict, name=name)
        return
    from rich.console import Console  # noqa: PLC0415 - only where somebody looks
    from rich.progress import Progress as Bars  # noqa: PLC0415
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(name, total=None)

        class Moving:
            """One line that moves, and above it those of the stages that have ended."""

            def begin(self, words: str) -> None:
                bars.reset(task, description=printable(words))

            def end(self, section: Section) -> None:
                line = printable(line_of(section, strict=strict))
                bars.console.print(Text(line, STYLES[section.verdict(strict=strict)]))

        yield Moving()
