"""What a training run wrote down, read one record at a time, whatever its form.

``trainer_state.json``, JSON lines, CSV, tables pasted from a notebook and console output are all text with flat
``{...}`` records, rows under a header, or ``loss 4.97`` in a line: one reader takes them all, and the form it names is
the one it met. TensorBoard's event files have ``event_files``. Nothing is kept but the record at hand, so that a log
of a million lines takes no more memory than one of ten. The content decides, never the file's ending.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .event_files import HEADER, is_event_file, read_scalars
from .symptoms import NUMBER, read_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STATE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
TEXTS = (".jsonl", ".csv", ".tsv", ".log", ".txt", ".out", ".json")
LOOKED_FOR = f"{STATE}, checkpoint-N/{STATE}, TensorBoard events, *.jsonl, *.csv, *.log, *.txt, *.out"
PIECE = 65_536  # characters at a time: a trainer_state.json may be one line
LONGEST_RECORD = 20_000  # characters between braces; what is longer is no record
HEAD = 4096

# Spellings, with _ for any of _ / . - and space: transformers, TRL, Lightning, axolotl, fairseq, wandb, notebooks.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "loss": ("loss", "train_loss", "training_loss", "train_loss_step", "loss_step", "step_loss", "batch_loss", "lm_loss"),
    "grad_norm": ("grad_norm", "gradient_norm", "grad_norm_total", "train_grad_norm", "gradnorm", "gnorm", "global_grad_norm",
                  "total_grad_norm", "grad_2.0_norm_total"),
    "learning_rate": ("learning_rate", "lr", "train_learning_rate", "train_lr", "lr_adamw"),
    "eval_loss": ("eval_loss", "val_loss", "valid_loss", "validation_loss", "test_loss", "dev_loss", "val_loss_epoch"),
    "step": ("step", "global_step", "train_global_step", "trainer_global_step", "iter", "iteration", "_step", "train_step"),
    "epoch": ("epoch", "train_epoch"),
}  # fmt: skip
_MEANING = {re.sub(r"[ /.-]", "_", name): kind for kind, names in SPELLINGS.items() for name in names}
_NAMES = "|".join(re.sub("_", "[_/ .-]", name) for name in sorted(_MEANING, key=len, reverse=True))
_PAIR = re.compile(
    rf"""(?<![\w/.-])(?P<name>{_NAMES})(?![\w/])['"]?\s*[:=(]?\s*(?:tensor\()?\s*['"]?\s*\[?{NUMBER}""", re.IGNORECASE
)
_RECORD = re.compile(r"\{[^{}]*\}")
_SUMMARY = re.compile(r"train_runtime|train_samples_per_second")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BAR = re.compile(r"\d+%\|[^|\n]{0,200}\|\s*(?P<done>\d+)/\d+\s*\[(?P<postfix>[^\]\n]*)\]?")
_MARKUP = ((re.compile(r"</t[dh]>", re.IGNORECASE), "\t"), (re.compile(r"</?[a-z][^>\n]{0,200}>", re.IGNORECASE), ""))
_HEADER_NAME = re.compile(r"[^\d\s][\w /.()-]*")
_CELL = re.compile(rf"^{NUMBER}$", re.IGNORECASE)


class LogUnusable(Exception):
    """There is no log, or nothing in it that could be read as one."""


@dataclass(frozen=True)
class LogRecord:
    """One record of a run; what it does not say is None."""

    step: int | None = None
    loss: float | None = None
    grad_norm: float | None = None
    learning_rate: float | None = None
    eval_loss: float | None = None
    epoch: float | None = None
    where: str = ""


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
                        yield from _record(joined | {"step": last}, f"{path.name}, step {last}")
                        joined = {}
                    last = step
                    if kind := _meaning(tag):
                        joined[kind] = value
        except EOFError:
            self.notes.append(f"{path.name} ends in the middle of a record, as it does while a run is alive")
        except ValueError as error:
            self.notes.append(f"{path.name} is damaged after step {last}: {error}")
        yield from _record(joined | {"step": last} if joined else {}, f"{path.name}, step {last}")

    def _read_text(self, path: Path, encoding: str) -> Iterator[LogRecord]:
        pending = ""
        table: list[str | None] = []
        number = 0
        ending = ""
        with path.open(encoding=encoding, errors="replace") as file:
            while piece := file.readline(PIECE):
                number += 1
                ending = piece.strip()[-1:] or ending
                text = pending + _ANSI.sub("", piece)
                pending = ""
                where = f"line {number}"
                if not text.strip():
                    continue
                if "log_history" in text:
                    self.form = STATE
                if (nested := _nested(text)) is not None:
                    self.form = self.form or "JSON lines"
                    yield from _record(nested, where)
                    continue
                if "{" not in text:
                    found, table = self._read_line(text, table, where)
                    yield from found
                    continue
                at = 0
                for match in _RECORD.finditer(text):
                    yield from _record(_pairs(_cut(text[at : match.start()])), where)
                    found_here = list(_record(_pairs(match[0]), where))
                    if found_here:
                        is_json = text.lstrip().startswith('{"')
                        self.form = self.form or ("JSON lines" if is_json else "console output")
                    yield from found_here
                    at = match.end()
                rest = text[at:]
                brace = rest.find("{")
                if brace >= 0 and len(rest) - brace < LONGEST_RECORD:
                    yield from _record(_pairs(rest[:brace]), where)
                    pending = rest[brace:]
                else:
                    yield from _record(_pairs(_cut(rest)), where)
        if pending.strip() and _pairs(pending):
            self.notes.append(f"{path.name} ends in the middle of a record, which was left out")
        elif self.form == STATE and ending != "}":
            self.notes.append(f"{path.name} is cut: its JSON does not end")

    def _read_line(self, text: str, table: list[str | None], where: str) -> tuple[list[LogRecord], list[str | None]]:
        """A line without braces: a header, a row under one, or words and numbers."""
        for pattern, replacement in _MARKUP:
            text = pattern.sub(replacement, text)
        if header := _header(text):
            return [], header
        if table:
            cells = _cells(text)
            if len(cells) == len(table) and any(_CELL.match(cell) for cell in cells):
                self.form = self.form or "table"
                row = {
                    kind: read_number(cell)
                    for kind, cell in zip(table, cells, strict=True)
                    if kind and _CELL.match(cell)
                }
                return list(_record(row, where)), table
        found = list(_record(_pairs(text), where))
        self.form = self.form or ("console output" if found else "")
        return found, table


def _meaning(name: str) -> str | None:
    """Which quantity a name stands for."""
    return _MEANING.get(re.sub(r"[ /.-]", "_", name.strip().strip("'\"").lower()))


def _pairs(text: str) -> dict[str, float]:
    """Numbers behind known names; the step from a progress bar where no name says it. A run's summary has none."""
    if _SUMMARY.search(text):
        return {}
    bar: dict[str, float] = {}
    for match in _BAR.finditer(text):
        if "=" in match["postfix"]:
            bar["step"] = float(match["done"])
    text = _BAR.sub(lambda match: match["postfix"] if "=" in match["postfix"] else " ", text)
    found = {
        str(_meaning(match["name"])): read_number(match["value"]) for match in reversed(list(_PAIR.finditer(text)))
    }
    return bar | found


def _cut(text: str) -> str:
    """Of a record that was never closed, what stands before its last comma: a number may have lost its end."""
    head, brace, rest = text.partition("{")
    first, newline, others = rest.partition("\n")
    return head + (first.rpartition(",")[0] if brace else rest) + newline * bool(brace) + others * bool(brace)


def _nested(text: str) -> dict[str, float] | None:
    """A line that is one JSON object with others inside, flattened; None where it is not."""
    line = text.strip()
    if not (line.startswith("{") and line.endswith("}") and line.count("{") > 1 and "log_history" not in line):
        return None
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    flat: dict[str, float] = {}
    levels: list[tuple[str, object]] = [("", content)]
    while levels:
        name, value = levels.pop()
        if isinstance(value, dict):
            levels += [(str(key), inner) for key, inner in value.items()]
        elif isinstance(value, int | float | str) and (kind := _meaning(name)) and _CELL.match(str(value).strip()):
            flat[kind] = read_number(str(value).strip())
    return flat


def _header(text: str) -> list[str | None]:
    """The columns of a table's header: all of them names, at least one of them a loss or a norm."""
    cells = _cells(text)
    kinds = [_meaning(cell) for cell in cells]
    if len(cells) > 1 and {"loss", "grad_norm", "eval_loss"} & set(kinds):
        return kinds if all(not _CELL.match(cell) for cell in cells) else []
    words = text.lower().split()
    if words[:3] == ["step", "training", "loss"]:
        return ["step", "loss", *(["eval_loss"] if words[3:5] == ["validation", "loss"] else [])]
    return []


def _cells(text: str) -> list[str]:
    """Split at the first of tab, semicolon, bar, comma or white space that divides the line."""
    line = text.strip("\r\n").strip("| ") if "|" in text else text.strip("\r\n ")
    separator = next((mark for mark in "\t;|," if mark in line), None)
    return [cell.strip().strip("'\"") for cell in line.rstrip("\t").split(separator)]


def _record(found: Mapping[str, float], where: str) -> Iterator[LogRecord]:
    """The record, if there is something in it to judge."""
    step = found.get("step")
    if found.keys() & {"loss", "grad_norm", "eval_loss"} or (step is not None and "learning_rate" in found):
        known = {name: value for name, value in found.items() if name != "step"}
        yield LogRecord(int(step) if step is not None and abs(step) < 1e15 else None, **known, where=where)  # noqa: PLR2004


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
        return RunLog([path / STATE], notes=[f"read {STATE}"])
    states = {
        int(match[1]): child / STATE
        for child in path.iterdir()
        if (match := CHECKPOINT.fullmatch(child.name)) and (child / STATE).is_file()
    }
    if states:
        return RunLog([states[max(states)]], notes=[f"read checkpoint-{max(states)}, the last of {len(states)}"])
    events = sorted(path.rglob("*tfevents*"), key=lambda file: (file.parent, file.name))
    if events:
        last = max(events, key=lambda file: file.name).parent
        folders = len({file.parent for file in events})
        of = f", the newest of {folders} with events" if folders > 1 else ""
        return RunLog([file for file in events if file.parent == last], notes=[f"read {last.relative_to(path)}{of}"])
    for ending in TEXTS:
        for file in sorted(path.rglob(f"*{ending}")):
            log = RunLog([file], notes=[f"read {file.relative_to(path)}"])
            if any(True for _ in RunLog([file])):
                return log
    there = ", ".join(sorted(child.name for child in path.iterdir())[:12]) or "nothing"
    raise LogUnusable(f"{path} holds no run; looked for {LOOKED_FOR}; there is {there}")


def read_records(path: Path | str) -> Iterator[LogRecord]:
    """Read every record of a run's log, one at a time.

    Raises:
        LogUnusable: There is no log, or it is binary.
    """
    yield from find_log(Path(path))
