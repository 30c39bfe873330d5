"""What the gate finds in the files of a subject beside its adapters: the runs that they record, and the zip to come."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from .bounds import MAIN
from .bundle_checks import check_bundle
from .bundled import adapters_among
from .curves import judge_and_draw, read_curves
from .gate_answers import measure
from .outcome import skipped
from .submission import find_logs
from .training_record import judge_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .bounds import Bounds
    from .dossier import Curve, Measured
    from .gate_config import GatePart
    from .outcome import Outcome

MB = 1_000_000  # bytes
OF_BASE = (".json", ".safetensors", ".bin")  # files of a base model that its answers depend on


def judge_runs(subject: Path, parts: Sequence[GatePart]) -> tuple[list[Outcome], list[Curve]]:
    """Judge the logs in a folder, and what the manifests beside its adapters keep of log and guard."""
    outcomes: list[Outcome] = []
    curves: list[Curve] = []
    for place in find_logs(subject):
        name = place.relative_to(subject).as_posix()
        report, drawn = judge_and_draw(place)
        outcomes += [dataclasses.replace(one, subject=name) for one in report.outcomes]
        curves += [dataclasses.replace(one, part=name) for one in drawn]
    for part in parts:
        if part.adapter and (record := judge_record(part.adapter)):
            outcomes += [dataclasses.replace(one, subject=part.name) for one in record.outcomes]
            curves += [dataclasses.replace(one, part=part.name) for one in read_curves(part.adapter)]
    return outcomes, curves


def files_of_bases(places: Iterable[str]) -> dict[str, Path]:
    """The files of base models by names for people; of a place that is none, as a hub's name, there are none."""
    found: dict[str, Path] = {}
    for place in sorted(set(filter(None, places))):
        with contextlib.suppress(OSError, ValueError):  # whatever a subject calls its base
            files = [path for path in sorted(Path(place).glob("*")) if path.suffix in OF_BASE]
            found |= {f"{path.parent.name}/{path.name}": path for path in files}
    return found


def weigh(
    subject: Path, files: Sequence[Path], parts: Sequence[GatePart], bounds: Bounds
) -> tuple[Outcome, list[Measured]]:
    """Make the zip that would be bundled, judge it, and throw it away.

    Args:
        subject: The folder.
        files: What of it is bundled.
        parts: Those that are judged.
        bounds: Most bytes of the zip, and of the main part's adapter.

    Returns:
        The outcome, and both sizes beside their bounds.
    """
    figures: list[Measured] = []
    limits: dict[str, int] = {}
    try:
        for name, found in adapters_among(files).items():
            if any(part.name == MAIN and part.adapter == subject / name for part in parts):
                limits[name] = int(bounds.adapter_mb * MB)
                size = sum((subject / path).stat().st_size for path in found.weights)
                figures.append(measure(bounds, "adapter size [MB]", MAIN, size / MB, "adapter_mb", "<="))
    except OSError as error:
        return _unpacked(error), figures
    with tempfile.TemporaryDirectory(prefix="unsilent-") as scratch:
        made = Path(scratch) / f"{subject.name}.zip"
        try:
            with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
                for path in files:
                    archive.write(subject / path, f"{subject.name}/{path.as_posix()}")
        except OSError as error:
            return _unpacked(error), figures
        figures.append(measure(bounds, "zip size [MB]", "", made.stat().st_size / MB, "zip_mb", "<="))
        outcome = check_bundle(made, folder=subject, limit=int(bounds.zip_mb * MB), adapter_limits=limits)
    message = outcome.message.replace(str(made), f"{made.name}, as it would be")
    return dataclasses.replace(outcome, message=message), figures


def _unpacked(error: OSError) -> Outcome:
    return skipped("bundle-too-large", "bundle", f"the files cannot be packed ({error})")
