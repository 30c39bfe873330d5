"""What the run that trained an adapter wrote down about itself in the manifest: its log, and what its guard found.

A guard that only warns, and a run that was stopped, leave their findings there; the log is judged as any other.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .log_text import STATE
from .manifest import ManifestUnusable, read_manifest
from .outcome import Report
from .read_outcomes import read_outcomes
from .runs import read_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .outcome import Outcome

FIELDS = ("step", "loss", "grad_norm")  # of a record of the manifest's log


def judge_record(folder: Path) -> Report | None:
    """Judge what the manifest of an adapter says about its training.

    Args:
        folder: The adapter's.

    Returns:
        The guard's outcomes and those of the log; None without a manifest that can be read, which the adapter's own
        checks have something to say about.
    """
    try:
        manifest = read_manifest(folder)
    except ManifestUnusable:
        return None
    if manifest is None:
        return None
    outcomes = read_outcomes(manifest["verdicts"])
    if records := _records(manifest["log"]):
        with tempfile.TemporaryDirectory(prefix="unsilent-") as scratch:
            state = Path(scratch) / STATE
            state.write_text(json.dumps({"log_history": records}), encoding="utf-8")
            found = read_run(state).outcomes
        outcomes += [dataclasses.replace(one, message=one.message.replace(STATE, "manifest.json")) for one in found]
    return Report(str(folder), tuple(_once(outcomes)))


def _once(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Every finding; of the rest one a failure, as wiring, guard and log look for the same: it passed, or why not."""
    passed = {one.slug: one for one in outcomes if one.status == "passed"}
    skipped = {one.slug: one for one in outcomes if one.status == "skipped"}
    return [*(one for one in outcomes if one.status == "failed"), *(skipped | passed).values()]


def _records(log: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every record that is kept; of an older manifest the first and the last."""
    match log:
        case {"records": [*records]}:
            kept = [dict(zip(FIELDS, one, strict=False)) for one in records if isinstance(one, list)]
        case {"first": dict(first), "last": dict(last)}:
            kept = [first, last]
        case _:
            return []
    return [_numbers(record) for record in kept]


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as a log has it: the words for what is no JSON are numbers again."""
    words = ("nan", "inf", "-inf")
    return {name: float(value) if value in words else value for name, value in record.items()}
