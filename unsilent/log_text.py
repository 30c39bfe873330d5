"""Records in text: whatever a run prints, pastes or saves, one piece of text at a time.

Three shapes cover what is met in the wild. Flat ``{...}`` records, which console output, JSON lines and
``trainer_state.json`` have in common; rows under a header, as CSV and a notebook's tables have; and names with numbers
behind them in a line. Progress bars, colours, log prefixes and lines that were cut are stepped over.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .symptoms import NUMBER, read_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STATE = "trainer_state.json"
LONGEST_RECORD = 20_000  # characters between braces; what is longer is no record
LARGEST_STEP = 1e15

# Spellings, with _ for any of _ / . - and space: transformers, TRL, Lightning, axolotl, fairseq, wandb, notebooks.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "loss": ("loss", "train_loss", "training_loss", "train_loss_step", "loss_step", "step_loss", "batch_loss",
             "lm_loss"),
    "grad_norm": ("grad_norm", "gradient_norm", "grad_norm_total", "train_grad_norm", "gradnorm", "gnorm",
                  "global_grad_norm", "total_grad_norm", "grad_2.0_norm_total"),
    "learning_rate": ("learning_rate", "lr", "train_learning_rate", "train_lr", "lr_adamw"),
    "eval_loss": ("eval_loss", "val_loss", "valid_loss", "validation_loss", "test_loss", "dev_loss", "val_loss_epoch"),
    "step": ("step", "global_step", "train_global_step", "trainer_global_step", "iter", "iteration",
             "_step", "train_step"),
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
# Padding of tables, which patterns with optional blanks would try in every way; tabs part cells, some of them empty.
_BLANKS = re.compile(r" {3,}|\s{16,}")
_DIGITS = re.compile(r"\d{400,}")  # no number that a run prints
_BAR = re.compile(r"\d+%\|[^|\n]{0,200}\|\s*(?P<done>\d+)/\d+\s*\[(?P<postfix>[^\]\n]*)\]?")
_MARKUP = ((re.compile(r"</t[dh]>", re.IGNORECASE), "\t"), (re.compile(r"</?[a-z][^>\n]{0,200}>", re.IGNORECASE), ""))
_HEADER_NAME = re.compile(r"[^\d\s][\w /.()-]*")
_CELL = re.compile(rf"^{NUMBER}$", re.IGNORECASE)


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
class TextReader:
    """Finds records in pieces of text that follow each other.

    Attributes:
        form: What the text is; known once a record was found.
        unclosed: A record that has begun, and not ended yet.
    """

    form: str = ""
    unclosed: str = ""
    _table: list[str | None] = field(default_factory=list)

    def read(self, piece: str, where: str) -> Iterator[LogRecord]:
        """The records that end in this piece: a line, or a part of a very long one."""
        text = self.unclosed + _BLANKS.sub(" ", _DIGITS.sub("", _ANSI.sub("", piece)))
        ends = "}" in piece or "log_history" in piece or len(text) >= LONGEST_RECORD
        if self.unclosed.startswith("{") and not ends:
            self.unclosed = text
            return
        self.unclosed = ""
        if "log_history" in text:
            self.form = STATE
        nested = _nested(text)
        if "<tr" in text and len(text) < LONGEST_RECORD:
            *rows, rest = text.split("</tr>")
            for row in rows:
                yield from self._read_line(row.replace("\n", ""), where)
            self.unclosed = rest if "<tr" in rest else ""
        elif nested is not None:
            yield from self._named("JSON lines", record_of(nested, where))
        elif "{" in text:
            yield from self._read_braces(text, where)
        elif text.strip():
            yield from self._read_line(text, where)

    def _named(self, form: str, records: Iterator[LogRecord]) -> Iterator[LogRecord]:
        for record in records:
            self.form = self.form or form
            yield record

    def _read_braces(self, text: str, where: str) -> Iterator[LogRecord]:
        form = "JSON lines" if text.lstrip().startswith('{"') else "console output"
        at = 0
        for match in _RECORD.finditer(text):
            yield from self._named("console output", record_of(_pairs(_cut(text[at : match.start()])), where))
            yield from self._named(form, record_of(_pairs(match[0]), where))
            at = match.end()
        rest = text[at:]
        brace = rest.find("{")
        if brace >= 0 and len(rest) - brace < LONGEST_RECORD:
            rest, self.unclosed = rest[:brace], rest[brace:]
        yield from self._named("console output", record_of(_pairs(_cut(rest)), where))

    def _read_line(self, text: str, where: str) -> Iterator[LogRecord]:
        """A line without braces: a header, a row under one, or words and numbers."""
        for pattern, replacement in _MARKUP:
            text = pattern.sub(replacement, text)
        header = _header(text)
        if header:
            self._table = header
            return
        cells = _cells(text)
        if self._table and len(cells) == len(self._table) and any(_CELL.match(cell) for cell in cells):
            row = {
                kind: read_number(cell)
                for kind, cell in zip(self._table, cells, strict=True)
                if kind and _CELL.match(cell)
            }
            yield from self._named("table", record_of(row, where))
        else:
            yield from self._named("console output", record_of(_pairs(text), where))


@functools.lru_cache(1024)
def meaning(name: str) -> str | None:
    """Which quantity a name stands for."""
    return _MEANING.get(re.sub(r"[ /.-]", "_", name.strip().strip("'\"").lower()))


def _pairs(text: str) -> dict[str, float]:
    """Numbers behind known names; the step from a progress bar where no name says it. A run's summary has none."""
    if text.isspace() or not text or _SUMMARY.search(text):
        return {}
    bar: dict[str, float] = {}
    if "%|" in text:
        for match in _BAR.finditer(text):
            if "=" in match["postfix"]:
                bar["step"] = float(match["done"])
        text = _BAR.sub(lambda match: match["postfix"] if "=" in match["postfix"] else " ", text)
    found = {str(meaning(match["name"])): read_number(match["value"]) for match in reversed(list(_PAIR.finditer(text)))}
    return bar | found


def _cut(text: str) -> str:
    """Of a record that was never closed, what stands before its last comma: a number may have lost its end."""
    if "{" not in text:
        return text
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
        elif isinstance(value, int | float | str) and (kind := meaning(name)) and _CELL.match(str(value).strip()):
            flat[kind] = read_number(str(value).strip())
    return flat


def _header(text: str) -> list[str | None]:
    """The columns of a table's header: all of them names, at least one of them a loss or a norm."""
    words = text.lower().split()
    if words[:3] == ["step", "training", "loss"]:
        return ["step", "loss", *(["eval_loss"] if words[3:5] == ["validation", "loss"] else [])]
    cells = _cells(text)
    kinds = [meaning(cell) for cell in cells]
    if len(cells) > 1 and {"loss", "grad_norm", "eval_loss"} & set(kinds):
        return kinds if all(not _CELL.match(cell) for cell in cells) else []
    return []


def _cells(text: str) -> list[str]:
    """Split at the first of tab, semicolon, bar, comma or white space that divides the line."""
    line = text.strip("\r\n").strip("| ") if "|" in text else text.strip("\r\n ")
    separator = next((mark for mark in "\t;|," if mark in line), None)
    return [cell.strip().strip("'\"") for cell in line.rstrip("\t").split(separator)]


def record_of(found: Mapping[str, float], where: str) -> Iterator[LogRecord]:
    """The record, if there is something in it to judge."""
    step = found.get("step")
    if found.keys() & {"loss", "grad_norm", "eval_loss"} or (step is not None and "learning_rate" in found):
        known = {name: value for name, value in found.items() if name != "step"}
        yield LogRecord(int(step) if step is not None and abs(step) < LARGEST_STEP else None, **known, where=where)
