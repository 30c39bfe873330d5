"""What a training run wrote down, read one record at a time, whatever its form.

``trainer_state.json``, JSON lines, CSV, tables pasted from a notebook and console output are text, which ``log_text``
takes apart; TensorBoard's event files have ``event_files``. Here is which file of a folder is read, and how: nothing is
kept but the record at hand, so that a log of a million lines takes no more memory than one of ten. The content decides
what a file is, never its ending.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .event_files import HEADER, is_event_file, read_scalars
from .log_text import STATE, LogRecord, TextReader, meaning, record_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKPOINT = re.compile(r"checkpoint-(\d+)")
TEXTS = (".jsonl", ".csv", ".tsv", ".log", ".txt", ".out")  # no .json: a vocabulary has numbers behind words, too
LOOKED_FOR = f"{STATE}, checkpoint-N/{STATE}, TensorBoard events, *.jsonl, *.csv, *.log, *.txt, *.out"
PIECE = 65_536  # characters at a time: a trainer_state.json may be one line
HEAD = 4096


class LogUnusable(Exception):
    """There is no log, or nothing in it that could be read as one."""


@dataclass
class RunLog:
    """A log to be read once: its files, and what was met while reading.

    Attributes:
        files: In the order in which they are read.
        form: What it is; known once something was read.
        notes: What a reader should know: which of several was taken, where it was cut.
    """

    files: list[Path]
    form: str = ""
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[LogRecord]:
        """Read every record.

        Raises:
            LogUnusable: A file cannot be opened, or is binary.
        """
        for path in self.files:
            try:
                with path.open("rb") as file:
                    head = file.read(HEAD)
            except OSError as error:
                raise LogUnusable(f"{path} cannot be read: {error.strerror}") from error
            if is_event_file(head[:HEADER]):
                self.form = "TensorBoard events"
                yield from self._read_events(path)
                continue
            is_wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
            if b"\0" in head and not is_wide:
                raise LogUnusable(f"{path} is binary, and no TensorBoard event file")
            yield from self._read_text(path, "utf-16" if is_wide else "utf-8-sig")

    def _read_events(self, path: Path) -> Iterator[LogRecord]:
        """Join the scalars of one step."""
        joined: dict[str, float] = {}
        last = 0
        try:
            with path.open("rb") as file:
                for step, tag, value in read_scalars(file):
                    if step != last and joined:
                        yield from record_of(joined | {"step": last}, f"{path.name}, step {last}")
                        joined = {}
                    last = step
                    if kind := meaning(tag):
                        joined[kind] = value
        except EOFError:
            self.notes.append(f"{path.name} ends in the middle of a record, as it does while a run is alive")
        except ValueError as error:
            self.notes.append(f"{path.name} is damaged after step {last}: {error}")
        yield from record_of(joined | {"step": last} if joined else {}, f"{path.name}, step {last}")

    def _read_text(self, path: Path, encoding: str) -> Iterator[LogRecord]:
        reader = TextReader(self.form)
        number = depth = 0
        with path.open(encoding=encoding, errors="replace") as file:
            while piece := file.readline(PIECE):
                number += 1
                depth += piece.count("{") - piece.count("}")
                yield from reader.read(piece, f"line {number}")
                self.form = reader.form
        if reader.unclosed.strip():
            self.notes.append(f"{path.name} ends in the middle of a record, which was left out")
        elif self.form == STATE and depth:
            self.notes.append(f"{path.name} is cut: its JSON does not end")


def find_log(path: Path) -> RunLog:
    """Find what a run wrote at a path: a file, a checkpoint, or an output folder.

    Raises:
        LogUnusable: There is nothing at the path, or no log in the folder.
    """
    if path.is_file():
        return RunLog([path])
    if not path.is_dir():
        raise LogUnusable(f"{path} does not exist; looked for a log file or a folder with {LOOKED_FOR}")
    if (path / STATE).is_file():
        return RunLog([path / STATE], notes=[f"read {STATE}", *_lacking(path)])
    states = {
        int(match[1]): child / STATE
        for child in path.iterdir()
        if (match := CHECKPOINT.fullmatch(child.name)) and (child / STATE).is_file()
    }
    if states:
        return RunLog([states[max(states)]], notes=[f"read checkpoint-{max(states)}, the last of {len(states)}",
                                                 *_lacking(states[max(states)].parent)])  # fmt: skip
    # a FIFO of such a name would wait for ever
    events = sorted(filter(Path.is_file, path.rglob("*tfevents*")), key=lambda file: (file.parent, file.name))
    if events:
        last = max(events, key=lambda file: file.name).parent
        folders = len({file.parent for file in events})
        of = f", the newest of {folders} with events" if folders > 1 else ""
        return RunLog([file for file in events if file.parent == last], notes=[f"read {last.relative_to(path)}{of}"])
    for ending in TEXTS:
        for file in sorted(filter(Path.is_file, path.rglob(f"*{ending}"))):
            if _has_records(file):
                return RunLog([file], notes=[f"read {file.relative_to(path)}"])
    there = ", ".join(sorted(child.name for child in path.iterdir())[:12]) or "nothing"
    raise LogUnusable(f"{path} holds no run; looked for {LOOKED_FOR}; there is {there}")


def _lacking(checkpoint: Path) -> list[str]:
    """What a resume from a checkpoint with weights would not find; with ``save_only_model`` it is meant so."""
    lacks = [name for name in ("optimizer.pt", "scheduler.pt") if not (checkpoint / name).is_file()]
    # shards of FSDP and DeepSpeed have folders of their own
    has_shards = any(checkpoint.glob("optimizer_*")) or any(checkpoint.glob("global_step*"))
    if (
        not lacks
        or has_shards
        or not CHECKPOINT.fullmatch(checkpoint.name)
        or not any(checkpoint.glob("*.safetensors"))
    ):
        return []
    return [f"without {' and '.join(lacks)}: a resume from it would begin optimizer and schedule anew"]


def _has_records(file: Path) -> bool:
    try:
        return any(True for _ in RunLog([file]))
    except LogUnusable:
        return False


def read_records(path: Path | str) -> Iterator[LogRecord]:
    """Read every record of a run's log, one at a time.

    Raises:
        LogUnusable: There is no log, or it is binary.
    """
    yield from find_log(Path(path))
