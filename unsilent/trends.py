"""Which way a series of numbers goes: small detectors, fed one value at a time, in constant memory.

They know nothing of logs or models. ``runs`` feeds them what a run wrote down, and a guard can feed them live. Each
thinks in its own series only: a loss that rises for good, a gradient norm that grows by orders of magnitude, a loss
that stays where it was. Every threshold stands here, with the measurement behind it.

Measured on the tiny model of the tests (2 layers, width 32) under Trainer and AdamW with LoRA r=4 on all linear layers:
5 seeds, batch 1, 4 and 8, with and without dropout, warm-up and cosine, at rates from 1e-4 to 1.0, upon a base that is
random, half trained (loss 0.6) or trained out (loss 0.02). What that showed:

* At rates of 0.3 and 1.0 the loss of a trained base jumps within two or three steps (0.6 to 7) and comes to rest far
  above its start (2.5 to 3.5, what counting letters would give). Upon a random base it cannot rise: it begins there.
* The gradient norm then leaps for one to four steps by 10 to 500 times and falls to 0.02: saturated units pass no
  gradient. AdamW moves each weight by no more than the rate, so a high rate alone does not make gradients grow for
  good. RMSprop and SGD without clipping do: 0.4, 6, 6e14, nan.
"""

from __future__ import annotations

import math

START_COUNT = 3  # values that say where a series began
SUSTAINED = 5  # values in a row: the longest leap that passed, of a gradient norm under AdamW, was four
SHARE = 0.1  # of what was seen: in a long run, a longer stay above is what "for good" means

RISE = 1.4  # times the start; the highest median of a healthy run, rate 0.02 and batch 1, was 1.35 times its start
LEAST_RISE = 0.2  # nats; a memorised row's 0.01 becomes 0.05 by chance
LEAP = 2.0  # highest over first of the first three values: at rates of 0.3 and 1.0 it was 5 and more
# Standard deviations between start and level. Of 1000 made series of 200 losses that scatter by factors (sigma 0.3,
# 0.5, 0.8) around a level, falling or not, two at most were called rising; every real one was, after 6 to 12 values.
NOISES = 3.0
NOISES_AFTER_LEAP = 5.0  # when the start is one value only, which may be low by chance
# A leap among the first three values is one of the distances that the noise is made of, and may hide itself. Without it
# the noise is smaller, so more is asked: so many values above, of which the first five lie so many deviations above the
# start. Of 48,000 made series of 60 losses (sigma 0.2 to 0.8, falling or not) it called none rising that was not so
# called before; of nine real ones, RMSprop at 0.5 to 2.0 upon a base at 0.7 to 1.8, it found eight instead of four.
NOISES_OF_LEAP = 8.0
KNOWN_NOISE = 20
SMOOTHING = 0.05  # of the running level and noise
SMALLEST_LOSS = 1e-3  # below it a loss scatters by factors that mean nothing

GROWTH = 100.0  # times the start: orders of magnitude; 45 passed in a healthy spike, RMSprop at rate 1.0 made 1e4
FORETOLD = 1e3  # times the start: NaN after such a norm, even if it had passed, is its end and no accident
AT_ONCE = 1e6  # times the start: the next norm may be NaN; one bad batch can do that too, so this needs another sign
LARGE_NORM = 10.0  # a norm that was 1e-3 on a memorised batch may come back to 1, and 7 before clipping is healthy

LEAST_RECORDS = 20  # fewer say nothing about a slope
LEAST_FALL = (
    0.05  # of the start; flat means: a fall as large as this would have been seen (4% on a chat model is healthy)
)
SURE = 2.0  # standard errors on the safe side
SIGNIFICANT = 3.0  # standard errors that make a slope a fall
EARLY = 1.5  # standard errors of the first three over the rest: it fell before the line could see it
TRAINED_OUT = 0.05  # a loss that begins there has nowhere to fall


class Divergence:
    """Has the loss risen for good above where it began?

    Risen means: the last five values, or the last tenth if that is more, all lie above 1.4 times the start, and their
    level is higher than the noise between neighbours could make it. A spike that passes resets the count; as long a
    stay below takes the answer back.
    """

    def __init__(self, rise: float = RISE) -> None:
        """Choose how many times the start is above it; less will do where another sign has to confirm it."""
        self.rise = rise
        self.began: int | None = None  # the step at which the rise began
        self.risen = False
        self._first: list[tuple[int, float]] = []
        self._count = 0
        self._above = 0
        self._below = 0
        self._level = 0.0  # of the values above, as logarithms: losses of single rows scatter by factors
        self._noise = 0.0  # mean distance of neighbours
        self._pairs = 0
        self._noise_since = 0.0  # the same without the leap among the first three values
        self._pairs_since = 0
        self._leap_level = 0.0  # of the first five values above
        self._last = 0.0
        self._highest = -math.inf

    @property
    def leapt(self) -> bool:
        """Whether the rise is among the first three values, so that only the first of them is the start."""
        values = [value for _, value in self._first]
        return max(values) > LEAP * values[0]

    @property
    def start(self) -> float:
        """Where the loss began: the highest of the first three values, or the first of them if it leapt."""
        values = [value for _, value in self._first]
        return values[0] if self.leapt else max(values)

    def add(self, step: int, value: float) -> bool:
        """Take the next finite loss; whether it has risen for good by now."""
        self._count += 1
        self._highest = max(self._highest, value)
        if len(self._first) == START_COUNT:
            self._judge(step, value)
        else:
            self._first.append((step, value))
            if len(self._first) == START_COUNT:
                for early_step, early in self._first:
                    self._judge(early_step, early)
        return self.risen

    def _judge(self, step: int, value: float) -> None:
        logarithm = math.log(max(value, SMALLEST_LOSS))
        is_above = self.start > 0 and value > max(self.rise * self.start, self.start + LEAST_RISE)
        if self._above or self._below:
            self._take_distance(abs(logarithm - self._last), is_leap=is_above and not self._above)
        self._last = logarithm
        patience = max(SUSTAINED, SHARE * self._count)
        if not is_above:
            self._below, self._above = self._below + 1, 0
            if not self.risen or self._below >= patience:
                self.risen, self.began = False, None
            return
        self._below, self._above = 0, self._above + 1
        if self._above == 1 and not self.risen:
            self.began = step
        self._level += max(SMOOTHING, 1 / self._above) * (logarithm - self._level)
        if self._above == SUSTAINED:
            self._leap_level = self._level
        wanted = NOISES_AFTER_LEAP if self.leapt else NOISES
        is_rise = self._level - math.log(self.start) > wanted * _deviation(self._noise)
        self.risen = self.risen or (self._above >= patience and (is_rise or self._has_leapt_for_good()))

    def _take_distance(self, distance: float, *, is_leap: bool) -> None:
        """Count the distance of two neighbours as noise."""
        self._pairs += 1
        self._noise += max(SMOOTHING, 1 / self._pairs) * (distance - self._noise)
        if not (is_leap and self._count == START_COUNT):
            self._pairs_since += 1
            self._noise_since += max(SMOOTHING, 1 / self._pairs_since) * (distance - self._noise_since)

    def _has_leapt_for_good(self) -> bool:
        """Whether a leap at the very start was higher than the noise since, and is not made up for."""
        deviation, start = _deviation(self._noise_since), math.log(self.start)
        far = self._leap_level - start > NOISES_OF_LEAP * deviation and self._level - start > NOISES * deviation
        return self.leapt and self._above >= KNOWN_NOISE and far

    def evidence(self) -> dict[str, object]:
        """The numbers behind the answer."""
        return {
            "start": self.start if len(self._first) == START_COUNT else None,
            "level": round(math.exp(self._level), 4) if self._above else None,
            "highest": self._highest if self._first else None,
            "values_above": self._above,
            "values": self._count,
        }


def _deviation(distance: float) -> float:
    """Neighbours differ by 2/sqrt(pi) standard deviations on average."""
    return distance * math.sqrt(math.pi) / 2


class Explosion:
    """Has the gradient norm grown by orders of magnitude, and not for a moment only?

    Every value above 100 times the first counts one, every other takes one back; five mean that it is no spike. A norm
    that stops being finite while it is up there, or after it was far up, has exploded at once. The largest gradient
    will do instead of a norm.
    """

    def __init__(self) -> None:
        self.began: int | None = None  # the step at which the growth began
        self.exploded = False
        self.is_huge = False  # the last value alone lies where no spike that passed has been
        self.start: float | None = None
        self._above = 0
        self._count = 0
        self.highest = 0.0

    def add(self, step: int, value: float) -> bool:
        """Take the next norm, finite or not; whether it has exploded by now."""
        self._count += 1
        if not math.isfinite(value):
            foretold = self.start is not None and self.highest > max(FORETOLD * self.start, LARGE_NORM)
            self.exploded = self.exploded or self._above > 0 or foretold
            return self.exploded
        if self.start is None:
            self.start = value if value > 0 else None
            return False
        self.highest = max(self.highest, value)
        if value > max(GROWTH * self.start, LARGE_NORM):
            self.began = step if self._above == 0 and not self.exploded else self.began
            self._above += 1
        else:
            self._above = max(self._above - 1, 0)
        self.is_huge = value > max(AT_ONCE * self.start, LARGE_NORM)
        self.exploded = self.exploded or self._above >= SUSTAINED
        return self.exploded

    @property
    def has_leapt(self) -> bool:
        """Whether any value lay as high as an explosion, for however short a time."""
        return self.start is not None and self.highest > max(GROWTH * self.start, LARGE_NORM)

    def evidence(self) -> dict[str, object]:
        """The numbers behind the answer."""
        return {"start": self.start, "highest": self.highest, "values": self._count}


class Flatness:
    """Does a series fall? A straight line through it, by running sums."""

    def __init__(self) -> None:
        self.count = 0
        self._mean_index = 0.0
        self._mean = 0.0
        self._spread_index = 0.0
        self._spread = 0.0
        self._together = 0.0
        self._first: list[float] = []

    def add(self, value: float) -> None:
        """Take the next finite value."""
        index = float(self.count)
        self.count += 1
        if self.count <= START_COUNT:
            self._first.append(value)
        from_mean_index, from_mean = index - self._mean_index, value - self._mean
        self._mean_index += from_mean_index / self.count
        self._mean += from_mean / self.count
        self._spread_index += from_mean_index * (index - self._mean_index)
        self._spread += from_mean * (value - self._mean)
        self._together += from_mean_index * (value - self._mean)

    @property
    def slope(self) -> float:
        """Change of the line from one value to the next."""
        return self._together / self._spread_index if self._spread_index else 0.0

    @property
    def slope_error(self) -> float:
        """Standard error of the slope."""
        if self.count <= 2:  # noqa: PLR2004 - a line goes through any two points
            return math.inf
        rest = max(self._spread - self.slope * self._together, 0.0)
        return math.sqrt(rest / (self.count - 2) / self._spread_index)

    @property
    def ends(self) -> tuple[float, float]:
        """The line's value at the first and at the last record."""
        begin = self._mean - self.slope * self._mean_index
        return begin, begin + self.slope * (self.count - 1)

    @property
    def falls(self) -> bool:
        """Whether there is a fall that the scatter does not explain, along the line or among the first values."""
        scatter = math.sqrt(self._spread / max(self.count - 1, 1))
        early = math.sqrt(len(self._first)) * (sum(self._first) / max(len(self._first), 1) - self._mean)
        return self.slope < -SIGNIFICANT * self.slope_error or early > EARLY * scatter > 0

    @property
    def is_flat(self) -> bool:
        """Whether enough was seen to say that nothing falls: a fall of 5% would show above the scatter."""
        begin, end = self.ends
        error = self.slope_error * (self.count - 1)
        seen_enough = self.count >= LEAST_RECORDS and begin > TRAINED_OUT
        return seen_enough and not self.falls and begin - end + SURE * error < LEAST_FALL * begin

    def evidence(self) -> dict[str, object]:
        """The numbers behind the answer."""
        begin, end = self.ends
        return {"values": self.count, "line_begins": round(begin, 4), "line_ends": round(end, 4)}
