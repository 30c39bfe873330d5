"""The curves of a run: loss and gradient norm over the steps, as much of them as a picture can show.

They are read in the same pass in which the run is judged, so that the picture marks the step that the finding names.
A training run that keeps no log beside its adapter has its records in the manifest.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from .dossier import Curve
from .manifest import ManifestUnusable, read_manifest
from .runs import read_run

if TYPE_CHECKING:
    from .log_text import LogRecord
    from .outcome import Report

MOST = 400  # points: more than a phone has pixels for; a longer log loses every second point, again and again

Point = tuple[int, float | None, float | None]


@dataclasses.dataclass
class Points:
    """The points of a log of any length, in constant memory."""

    kept: list[Point] = dataclasses.field(default_factory=list)
    count: int = 0
    every: int = 1

    def add(self, record: LogRecord) -> None:
        """Take the next record; one without a step is counted, as the judgement counts it."""
        if record.loss is None and record.grad_norm is None:
            return
        self.count += 1
        if (self.count - 1) % self.every == 0:
            step = self.count if record.step is None else record.step
            self.kept.append((step, _finite(record.loss), _finite(record.grad_norm)))
        if len(self.kept) > MOST:
            self.kept, self.every = self.kept[::2], self.every * 2


def judge_and_draw(path: Path | str, part: str = "") -> tuple[Report, list[Curve]]:
    """Judge what a run wrote, as ``read_run`` does, and draw it on the way."""
    points = Points()
    report = read_run(path, each=points.add)
    steps = [outcome.step for outcome in report.findings if outcome.step is not None]
    return report, _curves(points.kept, min(steps, default=None), part)


def read_curves(folder: Path | str, part: str = "") -> list[Curve]:
    """Read the curve of the run that wrote a folder: from its log or, without one, from the adapter's manifest.

    Returns:
        One curve, with the step at which the log's first finding begins, or at which the run was stopped; none where
        nothing is written down.
    """
    return judge_and_draw(folder, part)[1] or _recorded(Path(folder), part)


def _recorded(folder: Path, part: str) -> list[Curve]:
    try:
        manifest = read_manifest(folder) or {}
    except ManifestUnusable:
        return []
    match manifest:
        case {"log": {"records": [*records]}}:
            points = [point for record in records if (point := _point(record))]
        case _:
            return []
    match manifest:
        case {"stopped": {"step": int(step)}}:
            return _curves(points, step, part)
    return _curves(points, None, part)


def _point(record: object) -> Point | None:
    match record:
        case [int(step), loss, norm]:
            return step, _finite(loss), _finite(norm)
    return None


def _curves(points: list[Point], faulty_step: int | None, part: str) -> list[Curve]:
    if not points:
        return []
    steps, loss, norm = zip(*points, strict=True)
    return [Curve(part, steps, loss, norm, faulty_step)]


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
