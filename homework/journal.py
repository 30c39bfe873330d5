"""A file that only grows: what a long job has finished, line by line, so that it can be killed and go on.

The first line says what the job was asked for. A journal of another job is refused with the difference, for going on
with other settings would mix two; only ``anew`` puts it aside. A last line that a kill has cut short is dropped, and
what it stood for is done again.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from .errors import OutputRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path
    from types import TracebackType
    from typing import Self


def journal_of(output: Path) -> Path:
    """Where the journal of what will become ``output`` lies."""
    return output.with_suffix(".journal.jsonl")


class Journal:
    """Entries of a job, those of an earlier process first; one process at a time.

    Attributes:
        entries: Everything that is finished, in the order in which it was.
        was_there: Whether the job had been begun before.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], forms: Sequence[AbstractSet[str]], *, anew: bool = False
    ) -> None:
        """Open the journal at ``path``, or begin one.

        Args:
            path: Where it lies.
            settings: What the job was asked for, in plain JSON.
            forms: The names that an entry may have; each entry has exactly those of one form.
            anew: Begin anew where the journal is another job's; the same job's is gone on with all the same.

        Raises:
            OutputRefused: It is another job's, another process writes it, or it cannot be written.
        """
        import filelock  # noqa: PLC0415 - long jobs only

        self.path = path
        self.settings = dict(settings)
        self.forms = forms
        self._lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self.entries = self._read(anew=anew)
            self.was_there = path.exists()
            self._file = path.open("ab")
        except filelock.Timeout:
            raise OutputRefused(
                expected="no other process at this output",
                got="one that is writing",
                where=str(path),
                action="wait for it, or name another output",
            ) from None
        except OSError as error:
            self._lock.release()
            raise _no_room(error, path) from error
        if not self.was_there:
            self._write([self.settings])

    def _read(self, *, anew: bool) -> list[dict[str, Any]]:
        """Read what is there, cutting off a last line that is not whole; what is of no use is put aside if asked."""
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        got, lines = self._judge(whole)
        if got and not anew:
            self._lock.release()
            raise OutputRefused(
                expected="the journal of this job, to go on with",
                got=got,
                where=str(self.path),
                action="ask for the same again to go on, name another output, or begin anew with --overwrite",
            )
        if got or not lines:
            self.path.unlink(missing_ok=True)
            return []
        if whole != content:
            os.truncate(self.path, len(whole))
        return lines[1:]

    def _judge(self, whole: bytes) -> tuple[str, list[dict[str, Any]]]:
        """What is wrong with these lines, and the lines."""
        try:
            lines = [json.loads(line) for line in whole.split(b"\n")[:-1]]
        except ValueError as error:
            return f"a line that is no JSON ({error})", []
        if not all(isinstance(line, dict) for line in lines):
            return "a line that is no JSON object", []
        if lines and lines[0] != self.settings:
            return f"another one: {difference(lines[0], self.settings)}", []
        strange = next((number for number, line in enumerate(lines) if number and line.keys() not in self.forms), 0)
        return (f"an entry of another form in line {strange + 1}", []) if strange else ("", lines)

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Write entries through to the disk; once this returns, no kill can lose them.

        Raises:
            OutputRefused: There is no room; what was added before stays.
        """
        added = [dict(entry) for entry in entries]
        self._write(added)
        self.entries += added

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        try:
            self._file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _no_room(error, self.path) from error

    def remove(self) -> None:
        """The job is done, and its result lies elsewhere."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError:  # what could not be written was said
            pass
        finally:
            self._lock.release()


def _no_room(error: OSError, path: Path) -> OutputRefused:
    return OutputRefused(
        expected="an output that can be written",
        got=error.strerror or str(error),
        where=str(path),
        action="make room and give the same command again, or name another output",
    )


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is not as it was, in words."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {before.get(name)!r} instead of {now.get(name)!r}" for name in names)
