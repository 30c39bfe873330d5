"""How a cost grows: points measured over a size, the exponent that fits them, and a picture of both.

A cost that is proportional to size has exponent 1.0; what is paid once, whatever the size, bends the line at its left
end, so the exponent is fitted to the points from ``fitted_from`` on, and that is said in the picture. Everything is
stored in ``results/growth.json`` with its circumstances; ``picture`` draws what is stored.

    python benchmarks/growth.py        # draws the picture anew from the stored points
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratio import RESULTS, circumstances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STORED = RESULTS / "growth.json"
PICTURE = RESULTS / "growth.svg"
WANTED = (0.9, 1.1)  # exponents that count as proportional


@dataclass(frozen=True)
class Curve:
    """One cost over one size.

    Attributes:
        title: What was measured.
        size: Name and unit of the size.
        cost: Name and unit of the cost.
        points: Size, and the cost of every round.
        beside: Cost of something well known over the same sizes, for scale; its name, and its points.
        fitted_from: The smallest size that the exponent is fitted to.
    """

    title: str
    size: str
    cost: str
    points: Mapping[float, Sequence[float]]
    beside: Mapping[str, Mapping[float, Sequence[float]]]
    fitted_from: float = 0.0

    def medians(self) -> list[tuple[float, float]]:
        """Size and median cost, by size."""
        return [(size, statistics.median(costs)) for size, costs in sorted(self.points.items())]

    def exponent(self) -> float:
        """Slope of cost over size, both as logarithms."""
        return fit_exponent([point for point in self.medians() if point[0] >= self.fitted_from])

    def as_json(self) -> dict[str, Any]:
        """All of it, plainly, with the circumstances of the run."""
        return {
            **circumstances(),
            "size": self.size,
            "cost": self.cost,
            "points": [[size, [round(cost, 6) for cost in costs]] for size, costs in sorted(self.points.items())],
            "beside": {
                name: [[size, [round(cost, 6) for cost in costs]] for size, costs in sorted(points.items())]
                for name, points in self.beside.items()
            },
            "fitted_from": self.fitted_from,
            "exponent": round(self.exponent(), 3),
        }


def fit_exponent(points: Sequence[tuple[float, float]]) -> float:
    """Fit ``cost = a * size ** exponent`` by least squares on the logarithms.

    Args:
        points: Size and cost, at least two of different size, all above 0.
    """
    across = [math.log(size) for size, _ in points]
    up = [math.log(cost) for _, cost in points]
    slope, _ = statistics.linear_regression(across, up)
    return slope


def store(curve: Curve) -> float:
    """Print a curve and keep it in the results; its exponent."""
    exponent = curve.exponent()
    print(f"\n{curve.title}: {curve.cost} over {curve.size}")
    for size, cost in curve.medians():
        beside = [f"{name} {statistics.median(points[size]):.4g}" for name, points in curve.beside.items()]
        print(f"  {size:>12,.6g}  {cost:>10.4g}  {'  '.join(beside)}")
    verdict = "within" if WANTED[0] <= exponent <= WANTED[1] else "OUTSIDE"
    print(f"  exponent {exponent:.3f} from {curve.fitted_from:,.6g} on, {verdict} {WANTED[0]} to {WANTED[1]}")
    kept = json.loads(STORED.read_text()) if STORED.is_file() else {}
    STORED.write_text(json.dumps({**kept, curve.title: curve.as_json()}, indent=1, sort_keys=True) + "\n")
    return exponent


def picture(curves: Mapping[str, Mapping[str, Any]], path: Path = PICTURE) -> None:
    """Draw every stored curve: measured points, the fitted line, and what stands beside it."""
    from matplotlib.figure import Figure

    across = 2
    down = math.ceil(len(curves) / across)
    figure = Figure(figsize=(10, 3.6 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False)
    for place in axes.flat[len(curves) :]:
        place.set_axis_off()
    for place, (title, curve) in zip(axes.flat, sorted(curves.items()), strict=False):
        _draw(place, title, curve)
    figure.savefig(path, metadata={"Date": None})


def _draw(place: Any, title: str, curve: Mapping[str, Any]) -> None:  # noqa: ANN401 - axes of matplotlib
    points = [(size, statistics.median(costs)) for size, costs in curve["points"]]
    for size, costs in curve["points"]:
        place.plot([size] * len(costs), costs, ".", color="#1f77b4", alpha=0.3, markersize=4)
    place.plot(*zip(*points, strict=True), "o", color="#1f77b4", label=f"measured, exponent {curve['exponent']:.2f}")
    for name, beside in curve["beside"].items():
        others = [(size, statistics.median(costs)) for size, costs in beside]
        place.plot(*zip(*others, strict=True), "--", linewidth=1, label=name)
    fitted = [point for point in points if point[0] >= curve["fitted_from"]]
    middle = [math.exp(statistics.fmean(math.log(point[index]) for point in fitted)) for index in (0, 1)]
    ends = [fitted[0][0], fitted[-1][0]]
    line = [middle[1] * (size / middle[0]) ** curve["exponent"] for size in ends]
    place.plot(ends, line, "-", color="#1f77b4", linewidth=1)
    place.set(xscale="log", yscale="log", xlabel=curve["size"], ylabel=curve["cost"], title=title)
    place.grid(visible=True, which="both", alpha=0.2)
    place.legend(fontsize="small")


if __name__ == "__main__":
    picture(json.loads(STORED.read_text()))
    print(PICTURE)
