"""Does a log show that a run went on as another? The learning rate, and the steps that were taken twice.

A proper resume leaves no trace, or repeats the steps after the last checkpoint with the rates they had. Three traces
are no schedule's: a rate in the middle of its fall that leaps, a rate that drops into the warm-up the log began with,
and steps taken again at another rate, or at the loss of the beginning. Restarts, plateaus, steps of a rate, logs that
were joined and runs that were printed into each other are none: what a rate does at the end of a cycle is not judged,
nor in a cycle of a few records, and after a run that begins at its first step nothing is. A rate that leaps to where
the log began, and falls as it did there, is a cycle as well as a run that began anew: that is said, and no finding.

Fed one record at a time, in constant memory. Every threshold stands here.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .log_text import LogRecord

KEPT = 2000  # records that a step may be compared with: what is repeated follows the last checkpoint
AFTER = 3  # records in a row that say where a rate goes
LEAST_BEFORE = 10  # records; with fewer to a cycle, a cosine that restarts does not flatten visibly
HIGH = 0.2  # of the highest rate: a cycle ends below; one of ten records or more, at 0.1 of its way, ends at 0.02
STEEP = 0.5  # of the steepest fall so far: a cosine of ten records and more falls by 0.45 of it, or less, at its end
RISE = 0.05  # of the highest rate: no schedule of transformers rises so much in one record once it falls
DROP = 0.5  # of the rate before: a warm-up begins lower
SAME_SLOPE = 0.05  # a warm-up is a straight line; printed rates have four digits
OTHER_RATE = 0.01  # of the highest rate, at the same step: printed rates have four digits
PAIRS = 5  # losses at the same steps
WORSE = 1.5  # times the loss at the same step; the same rows with other dropout differ by hundredths
NOISES = 3.0  # standard errors, as everywhere
AT_START = 0.8  # of the loss the log began with


@dataclass
class Resumes:
    """What a log shows of a run that went on, one record after another.

    Attributes:
        found: What is not as it was, in words; empty where nothing is.
        noticed: What may be meant as well as not, in words.
        step: At which record it began.
        evidence: The numbers.
        rates: Records with a learning rate.
        back: Times the steps went back to one that had been taken, and on from there.
        is_joined: Another run begins in the log: nothing after it is judged.
    """

    found: str = ""
    noticed: str = ""
    step: int = 0
    evidence: dict[str, object] = field(default_factory=dict)
    rates: int = 0
    back: int = 0
    is_joined: bool = False
    _highest: float = 0.0
    _steepest: float = 0.0
    _opening: list[tuple[int, float]] = field(default_factory=list)
    _losses: list[float] = field(default_factory=list)
    _recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=2 * AFTER + 1))
    _falls: deque[int] = field(default_factory=lambda: deque([0], maxlen=AFTER + 1))  # rates since the last rise
    _taken: deque[tuple[int, LogRecord]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _again: dict[int, LogRecord] = field(default_factory=dict)
    _pairs: list[tuple[int, LogRecord, LogRecord]] = field(default_factory=list)
    _returned: int = 0  # records since the steps went back

    def add(self, step: int, record: LogRecord) -> None:
        """Take the next record that has a step of its own."""
        if self.found or self.is_joined:
            return
        last = self._taken[-1][0] if self._taken else 0
        if self._taken and step < last:
            self._go_back(step)
        self._returned += 1
        self._taken.append((step, record))
        if len(self._losses) < AFTER and record.loss is not None:
            self._losses.append(record.loss)
        if self._is_another_run():
            self.is_joined = True
            return
        if (old := self._again.get(step)) is not None:
            self._pairs.append((step, old, record))
            self._compare_pairs()
        if record.learning_rate is not None and math.isfinite(record.learning_rate):
            self._follow_rate(step, record.learning_rate)

    def _go_back(self, step: int) -> None:
        """The steps go back: what was taken from here on is taken again."""
        self.back += 1
        self._again = {taken: record for taken, record in self._taken if taken >= step}
        while self._taken and self._taken[-1][0] >= step:
            self._taken.pop()
        self._pairs.clear()
        self._recent.clear()
        self._returned = 0

    def _is_another_run(self) -> bool:
        """Whether the steps went back to where a run begins: its first step, or its first interval of logging."""
        if not self.back:
            return False
        if len(self._taken) <= self._returned:
            return True  # nothing stands before the place that it went back to
        steps = [step for step, _ in list(self._taken)[-self._returned :]]
        return len(steps) == 2 and steps[0] == steps[1] - steps[0]  # noqa: PLR2004 - an interval has two ends

    def _compare_pairs(self) -> None:
        """Steps that were taken twice: their rates, then their losses."""
        rates = [(step, old.learning_rate, new.learning_rate) for step, old, new in self._pairs]
        known = [(step, old, new) for step, old, new in rates if old is not None and new is not None]
        off = [(step, old, new) for step, old, new in known if abs(new - old) > OTHER_RATE * self._highest]
        if len(off) == len(known) == AFTER:
            step, old, new = off[0]
            self._find(
                f"learning rates {new:.3g} and on where the same steps had {old:.3g} and on: the schedule was not "
                "restored, or is another",
                step,
                {"steps": [one[0] for one in off], "before": [one[1] for one in off], "now": [one[2] for one in off]},
            )
        if len(self._pairs) != PAIRS or self.found:
            return
        losses = [(old.loss, new.loss) for _, old, new in self._pairs if old.loss and new.loss]
        if len(losses) < PAIRS or not all(math.isfinite(value) and value > 0 for pair in losses for value in pair):
            return
        ratios = [math.log(new / old) for old, new in losses]
        is_worse = fmean(ratios) - NOISES * stdev(ratios) / math.sqrt(PAIRS) > math.log(WORSE)
        if is_worse and fmean(new for _, new in losses) > AT_START * fmean(self._losses):
            self._find(
                f"a loss of {losses[0][1]:.4g} and on where the same steps had {losses[0][0]:.4g} and on, as at the "
                "beginning: the weights were not restored",
                self._pairs[0][0],
                {"before": [old for old, _ in losses], "now": [new for _, new in losses], "start": self._losses},
            )

    def _follow_rate(self, step: int, rate: float) -> None:
        self.rates += 1
        if len(self._opening) < AFTER:
            self._opening.append((step, rate))
        rises = bool(self._recent) and rate > self._recent[-1][1]
        self._falls.append(1 if rises else self._falls[-1] + 1)
        self._recent.append((step, rate))
        if len(self._recent) == self._recent.maxlen and self.rates > LEAST_BEFORE + AFTER:
            self._judge_rates()
        if len(self._recent) > AFTER:  # those that may follow a leap are not yet judged by
            (_, before), (_, there) = self._recent[-AFTER - 1], self._recent[-AFTER]
            self._steepest = max(self._steepest, before - there)
        self._highest = max(self._highest, rate)

    def _judge_rates(self) -> None:
        """The last three rates against the four before them: do they leap, or drop into a warm-up?"""
        before, after = list(self._recent)[:-AFTER], list(self._recent)[-AFTER:]
        (step, first), last = after[0], before[-1][1]
        if last < HIGH * self._highest:
            return  # the end of a cycle, or of a run
        falls_before = all(one[1] > other[1] for one, other in pairwise(before))
        falls_after = all(one[1] > other[1] for one, other in pairwise(after))
        rises_after = all(one[1] < other[1] for one, other in pairwise(after))
        evidence: dict[str, object] = {
            "before": [rate for _, rate in before],
            "now": [rate for _, rate in after],
            "steps": [one for one, _ in [*before, *after]],
            "highest": self._highest,
        }
        is_steep = before[-2][1] - last >= STEEP * self._steepest
        is_dip = first < DROP * last and after[1][1] > after[2][1]  # one record of warm-up
        begins = after[1][1] if is_dip else first
        is_long = self._falls[0] >= LEAST_BEFORE  # a short cycle, or one that is rarely logged, ends in a few records
        leaps = falls_before and (falls_after or is_dip) and is_steep and begins - last > RISE * self._highest
        if leaps and is_long and not (is_dip or self.back) and self._is_opening(after):
            self.noticed = (
                f"the learning rate leaps from {last:.3g} to {begins:.3g} and falls as it did at the beginning: a "
                "cycle or a stage of a longer training, or a run that began anew"
            )
        elif leaps and is_long:
            way = f" by way of {first:.3g}" if is_dip else ""
            got = f"a learning rate that leaps from {last:.3g} to {begins:.3g}{way} in the middle of its fall"
            self._find(f"{got}: the schedule was not restored, or was stretched", step, evidence)
        elif rises_after and first < DROP * last and _is_same_slope(after, self._opening):
            got = f"a learning rate that drops from {last:.3g} to {first:.3g} and rises as it did at the beginning"
            self._find(f"{got}: the warm-up is run again", step, evidence)

    def _is_opening(self, after: list[tuple[int, float]]) -> bool:
        """Whether rates are those that the log began with; where in its first interval a cycle begins may differ."""
        pairs = zip(after, self._opening, strict=True)
        return all(abs(rate - first) <= RISE * self._highest for (_, rate), (_, first) in pairs)

    def _find(self, got: str, step: int, evidence: dict[str, object]) -> None:
        self.found, self.step, self.evidence = got, step, evidence


def _is_same_slope(after: list[tuple[int, float]], opening: list[tuple[int, float]]) -> bool:
    """Whether rates rise as the first ones of the log did."""
    one, other = _slope(after), _slope(opening)
    return other > 0 and abs(one - other) <= SAME_SLOPE * other


def _slope(rates: list[tuple[int, float]]) -> float:
    """Rise by step."""
    (step, rate), (last_step, last_rate) = rates[0], rates[-1]
    return (last_rate - rate) / (last_step - step) if last_step > step else 0.0
