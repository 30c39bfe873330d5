"""One pass over the records of a run, in constant memory: what of them the judgement in ``runs.py`` needs.

Counts by kind, spans of records in a row for which something holds, a few records around each beginning, and the
trends. Nothing is decided here.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from .resumed_logs import Resumes
from .trends import Divergence, Explosion, Flatness

if TYPE_CHECKING:
    from .log_text import LogRecord

Kind = Literal["absent", "zero", "alive", "nan", "inf"]

NEAR_ZERO = 0.05  # a loss that came this far may reach 0.0: Trainer rounds to four digits, a memorised batch has 0.01
NORM_ALIVE = 0.01  # a norm of 0.0 after norms above this is no rounding
KEPT = 3  # records kept on either side of a beginning


def kind_of(value: float | None) -> Kind:
    """What is to be told apart about a loss, a norm or a rate."""
    if value is None:
        return "absent"
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    return "alive" if value else "zero"


@dataclass
class Span:
    """Records in a row for which something holds, up to now; empty again as soon as it does not."""

    count: int = 0
    total: int = 0
    step: int = 0
    records: list[LogRecord] = field(default_factory=list)
    before: list[LogRecord] = field(default_factory=list)
    longest: Span | None = None

    def add(self, position: int, record: LogRecord, before: deque[LogRecord], *, holds: bool) -> None:
        """Take the next record, that holds or not."""
        if not holds:
            if self.count > (self.longest.count if self.longest else 0):
                self.longest = Span(self.count, self.count, self.step, self.records, self.before)
            self.count = 0
            return
        if self.count == 0:
            self.step, self.records, self.before = position, [], list(before)
        if self.count < KEPT:
            self.records.append(record)
        self.count += 1
        self.total += 1


class Place(NamedTuple):
    """Where something begins: a step, or a record's number where the log has no steps."""

    name: str
    number: int


@dataclass
class Reading:
    """What one pass over the records leaves behind."""

    count: int = 0
    evaluations: int = 0
    first: int = 0
    last: int = 0
    without_step: int = 0
    not_forward: int = 0
    kinds: dict[tuple[str, Kind], int] = field(default_factory=dict)
    rates: dict[Kind, int] = field(default_factory=dict)
    recent: deque[LogRecord] = field(default_factory=lambda: deque(maxlen=KEPT))
    opening: list[LogRecord] = field(default_factory=list)
    bad_norms: Span = field(default_factory=Span)
    nan_norms: Span = field(default_factory=Span)
    bad_losses: Span = field(default_factory=Span)
    no_loss: Span = field(default_factory=Span)
    repeated: Span = field(default_factory=Span)
    dead_norms: Span = field(default_factory=Span)
    last_alive: float | None = None
    last_other: float | None = None
    last_norm: float = 0.0
    live_norm_while_repeated: bool = False
    divergence: Divergence = field(default_factory=Divergence)
    explosion: Explosion = field(default_factory=Explosion)
    flatness: Flatness = field(default_factory=Flatness)
    resumes: Resumes = field(default_factory=Resumes)

    def add(self, record: LogRecord) -> None:
        """Take the next record."""
        if record.loss is None and record.grad_norm is None:
            self.evaluations += record.eval_loss is not None
            return
        self.count += 1
        self.without_step += record.step is None
        position = self.count if record.step is None else record.step
        if self.count == 1:
            self.first = position
        elif position <= self.last:
            self.not_forward += 1
        self.last = position
        loss, norm = kind_of(record.loss), kind_of(record.grad_norm)
        for name, kind in (("loss", loss), ("grad_norm", norm)):
            self.kinds[name, kind] = self.kinds.get((name, kind), 0) + 1
        rate = kind_of(record.learning_rate)
        self.rates[rate] = self.rates.get(rate, 0) + 1
        if len(self.opening) < KEPT:
            self.opening.append(record)
        self._follow_loss(position, record, loss, norm)
        self._follow_norm(position, record, loss, norm)
        if record.step is not None:
            self.resumes.add(position, record)
        self.recent.append(record)

    def _follow_loss(self, position: int, record: LogRecord, loss: Kind, norm: Kind) -> None:
        value = record.loss
        self.bad_losses.add(position, record, self.recent, holds=loss in ("nan", "inf"))
        if self.no_loss.count == 0 and loss == "zero":
            self.last_alive = self.last_other
        self.no_loss.add(position, record, self.recent, holds=loss == "zero" and norm != "alive")
        is_same = bool(self.recent) and value == self.recent[-1].loss and loss == "alive"
        if not is_same and self.recent and kind_of(self.recent[-1].loss) == "alive":
            self.last_other = self.recent[-1].loss
        if not is_same:
            self.live_norm_while_repeated = False
            self.repeated.count = 0
        self.live_norm_while_repeated = self.live_norm_while_repeated or norm == "alive"
        self.repeated.add(position, record, self.recent, holds=loss == "alive")
        if value is not None and loss == "alive":
            self.divergence.add(position, value)
            self.flatness.add(value)

    def _follow_norm(self, position: int, record: LogRecord, loss: Kind, norm: Kind) -> None:
        self.bad_norms.add(position, record, self.recent, holds=norm in ("nan", "inf"))
        self.nan_norms.add(position, record, self.recent, holds=norm == "nan")
        if record.grad_norm is not None:
            self.explosion.add(position, record.grad_norm)
        is_dead = norm == "zero" and loss == "alive" and (record.loss or 0) > NEAR_ZERO and self.last_norm > NORM_ALIVE
        if is_dead and self.dead_norms.total == 0:
            self.dead_norms.add(position, record, self.recent, holds=True)
        elif is_dead:
            self.dead_norms.total += 1
        if norm == "alive":
            self.last_norm = record.grad_norm or 0.0

    def number(self, name: str, *kinds: Kind) -> int:
        """How many records have one of these kinds of loss or norm."""
        return sum(self.kinds.get((name, kind), 0) for kind in kinds)

    def at(self, number: int) -> Place:
        """A place in this log."""
        return Place("record" if self.without_step == self.count else "step", number)

    def always(self, name: str, kind: Kind) -> bool:
        """Whether every record has this kind."""
        return self.number(name, kind) == self.count
