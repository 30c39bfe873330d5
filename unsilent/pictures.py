"""The pictures of a page, as numbers: where lines, ticks, cells and bars stand, in percent of the picture.

No drawing is done here. The page draws with SVG and CSS that stretch to any width, so everything is a share of it, and
its labels stay text.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .report import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .dossier import Curve, Measured, UpdateNorms

LOG_FROM = 300  # times the smallest value: the largest then hides everything else on a linear axis
MOST_DECADES = 4  # that are labelled
BEYOND = 1e100  # what is larger is drawn there: the difference of two of the largest numbers is none
NOTHING = 1e-300  # between two values that are nearer, there is no third
NARROWEST = 0.6  # percent: a single missing value is still seen
MOST_ROWS, MOST_LAYERS = 40, 160  # of a heat map, which is read by eye; --json holds all


@dataclass(frozen=True)
class Tick:
    """A label at a place on an axis, in percent from its beginning."""

    at: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One curve over the steps.

    Attributes:
        name: What it shows.
        path: The line, in SVG's words; broken where a value is missing.
        gaps: Where values are missing or not finite: from, and how wide.
        ticks: Of the upright axis, from the top.
        words: First, last, lowest and highest value.
        is_log: Whether the axis is logarithmic.
    """

    name: str
    path: str
    gaps: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]
    words: str
    is_log: bool


@dataclass(frozen=True)
class Plot:
    """The curves of one run above each other, with one axis of steps and the step where something is wrong."""

    part: str
    panels: tuple[Panel, ...]
    ticks: tuple[Tick, ...]
    fault: Tick | None


@dataclass(frozen=True)
class Axis:
    """From values to percent."""

    low: float
    high: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Where a value stands."""
        value = min(max(value, self.low), self.high)
        low, high, value = (math.log10(one) if self.is_log else one for one in (self.low, self.high, value))
        return round(100 * (value - low) / (high - low), 2) if high > low else 50.0

    def ticks(self, count: int) -> list[float]:
        """About so many round values."""
        if self.is_log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1, 1 + (last - first) // MOST_DECADES)]
        span = self.high - self.low
        if span < NOTHING:
            return [self.low]
        rough = span / count
        unit = 10.0 ** math.floor(math.log10(rough))
        step = unit * min((one for one in (1, 2, 5, 10) if one * unit >= rough), default=10)
        return [number * step for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def plot(curve: Curve) -> Plot:
    """Lay out a run; a series of which nothing is known has no panel."""
    steps = Axis(min(curve.steps), max(curve.steps))
    series = (("loss", curve.loss), ("gradient norm", curve.grad_norm))
    known = [(name, values) for name, values in series if any(one is not None for one in values)]
    panels = [_panel(name, values, curve.steps, steps) for name, values in known]
    fault = None
    if curve.faulty_step is not None and steps.low <= curve.faulty_step <= steps.high:
        fault = Tick(steps.at(curve.faulty_step), f"step {curve.faulty_step:,}")
    ticks = [Tick(steps.at(step), f"{step:,.0f}") for step in steps.ticks(5) if step == int(step)]
    return Plot(curve.part, tuple(panels), tuple(ticks), fault)


def _panel(name: str, values: Sequence[float | None], steps: Sequence[int], across: Axis) -> Panel:
    known = [value for value in values if value is not None]
    positive = [value for value in known if value > 0]
    is_log = min(known) >= 0 and len(positive) > 1 and max(positive) > LOG_FROM * min(positive)
    axis = Axis(min(positive), max(positive), is_log=True) if is_log else _linear(min(0.0, *known), max(0.0, *known))
    places = [
        (across.at(step), None if value is None else round(100 - axis.at(value), 2))
        for step, value in zip(steps, values, strict=True)
    ]
    words = (
        f"first {figure(known[0])}, last {figure(known[-1])}, lowest {figure(min(known))}, highest {figure(max(known))}"
    )
    ticks = tuple(Tick(round(100 - axis.at(value), 2), f"{value:.4g}") for value in axis.ticks(3))
    return Panel(name, _path(places), _gaps(places), ticks, words, is_log)


def _linear(low: float, high: float) -> Axis:
    """An axis from zero, with a little room above; a series of zeros lies at its bottom."""
    return Axis(max(low, -BEYOND), min(high * 1.05, BEYOND) or (0.0 if low else 1.0))


def _path(places: Sequence[tuple[float, float | None]]) -> str:
    """A line through what is known; a lone point is a line of no length, which a round cap makes a dot."""
    words, pen_is_up, last = [], True, -1.0
    for x, y in places:
        if y is None:
            pen_is_up = True
            continue
        begins = pen_is_up or x < last  # a resumed run goes back
        words.append(f"M{x:g} {y:g}h0" if begins else f"L{x:g} {y:g}")
        pen_is_up, last = False, x
    return "".join(words)


def _gaps(places: Sequence[tuple[float, float | None]]) -> tuple[tuple[float, float], ...]:
    found = []
    for is_gap, run in itertools.groupby(places, key=lambda place: place[1] is None):
        if is_gap:
            across = [x for x, _ in run]
            begin = min(*across, 100 - NARROWEST)
            found.append((begin, max(round(max(across) - begin, 2), NARROWEST)))
    return tuple(found)


@dataclass(frozen=True)
class Cell:
    """One module of one layer: how strong its colour is, from 0 to 1, or what it is instead; and what it says."""

    strength: float
    kind: str
    words: str


@dataclass(frozen=True)
class HeatMap:
    """Rows of cells, the largest value behind the strongest colour, and what was left out."""

    part: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    first: int
    last: int
    largest: str
    left_out: str


def heat_map(norms: UpdateNorms) -> HeatMap:
    """Colour update norms by their share of the largest."""
    layers, names = norms.layers[:MOST_LAYERS], norms.names[:MOST_ROWS]
    known = [one for row in norms.values for one in row if one is not None and math.isfinite(one)]
    largest = max(known, default=0.0)
    rows = tuple(
        (name, tuple(_cell(name, layer, value, largest) for layer, value in zip(layers, row, strict=False)))
        for name, row in zip(names, norms.values, strict=False)
    )
    gone = [(len(norms.names) - len(names), "modules"), (len(norms.layers) - len(layers), "layers")]
    left_out = ", ".join(f"{count} more {what}" for count, what in gone if count)
    return HeatMap(norms.part, rows, layers[0], layers[-1], figure(largest), left_out)


def _cell(name: str, layer: int, value: float | None, largest: float) -> Cell:
    where = f"{name}, layer {layer}"
    if value is None:
        return Cell(0.0, "absent", f"{where}: no adapter here")
    if not math.isfinite(value):
        return Cell(0.0, "broken", f"{where}: {value}")
    if not value:
        return Cell(0.0, "zero", f"{where}: 0")
    return Cell(round(value / largest, 3), "", f"{where}: {figure(value)}")


@dataclass(frozen=True)
class Gauge:
    """A value, its interval and its bound on one line, each in percent."""

    value: float
    bound: float
    low: float
    width: float


def gauge(one: Measured) -> Gauge:
    """Lay out a figure: shares from 0 to 1, others from 0 to a little beyond the larger of value and bound."""
    value = one.value if math.isfinite(one.value) else 0.0
    low, high = one.interval or (value, value)
    largest = max(value, one.bound, high)
    axis = Axis(0.0, 1.0 if largest <= 1 else largest * 1.15)
    return Gauge(axis.at(value), axis.at(one.bound), axis.at(low), round(axis.at(high) - axis.at(low), 2))
