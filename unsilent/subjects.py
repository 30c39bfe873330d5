"""Something to judge, named by its kind and a path: an adapter, what a run wrote, somebody's submission.

The pytest plugin asks two things of each kind: which failures are looked for, which is known before anything is read,
and the report. Until a submission is run itself, it is the adapters and the logs in it that are judged: those that lie
under the names PEFT, Trainer and TensorBoard give them. A text that talks of losses is no log until somebody says so.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .adapters import CHECKS, OF_FINDER, inspect_adapter
from .archives import ArchiveRefused, unpack
from .outcome import Report, skipped
from .runs import SLUGS, read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .outcome import Outcome

PARTIAL = "submission: adapters and run logs only; nothing in it was imported or run"
Kind = Literal["adapter", "run-log", "submission"]

OF_ADAPTER = re.compile(r"adapter_config\.json|adapter_model(-\d{5}-of-\d{5})?\.(safetensors|bin)")
OF_RUN = re.compile(r"trainer_state\.json|.*tfevents.*")
CHECKPOINT = re.compile(r"checkpoint-\d+")
MOST_FOLDERS = 10_000  # of a submission that are looked into; the course's has 5

LOOKED_FOR: Mapping[Kind, tuple[str, ...]] = {
    "adapter": tuple(CHECKS),
    "run-log": SLUGS,
    "submission": (*CHECKS, *SLUGS),
}


def judge(kind: Kind, path: Path) -> Report:
    """Judge what lies at a path: an outcome for each failure that is looked for, of each thing that was found."""
    if kind == "adapter":
        return inspect_adapter(path)
    return read_run(path) if kind == "run-log" else judge_submission(path)


def judge_submission(path: Path) -> Report:
    """Judge every adapter and every run log in a folder or a zip; nothing in it is imported or run."""
    if path.is_dir():
        return Report(str(path), tuple(_judge_all(path)))
    if not path.is_file() or not zipfile.is_zipfile(path):  # opening a pipe would wait for ever
        return _unjudged(path, "a file, not a folder or a zip of one")
    with tempfile.TemporaryDirectory(prefix="unsilent-") as scratch:
        try:
            unpack(path, Path(scratch), lambda _: True)
        except ArchiveRefused as error:
            return _unjudged(path, str(error))
        outcomes = [
            # where it lies in the zip says more than where it lay for a moment
            dataclasses.replace(outcome, message=outcome.message.replace(scratch, str(path)))
            for outcome in _judge_all(Path(scratch))
        ]
    return Report(str(path), tuple(outcomes))


def _unjudged(path: Path, reason: str) -> Report:
    adapter = [skipped(slug, "adapter", reason) for slug in CHECKS]
    return Report(str(path), (*adapter, *(skipped(slug, "runs", reason) for slug in SLUGS)))


def _judge_all(root: Path) -> Iterator[Outcome]:
    """Without any adapter the whole is judged as one, and so is missing it; without a log there is none to judge."""
    for place in _places(root, OF_ADAPTER) or [root]:
        yield from _named(inspect_adapter(place), place, root)
    logs = find_logs(root)
    for place in logs:
        yield from _named(read_run(place), place, root)
    if not logs:
        yield from (skipped(slug, "runs", "no log of a training run in it") for slug in SLUGS)


def find_logs(root: Path) -> list[Path]:
    """Folders below with a log under the name that Trainer or TensorBoard gives it."""
    return _places(root, OF_RUN)


def _named(report: Report, place: Path, root: Path) -> Iterator[Outcome]:
    where = "" if place == root else place.relative_to(root).as_posix()
    for outcome in report.outcomes:
        yield dataclasses.replace(outcome, subject="/".join(filter(None, (where, outcome.subject))))


def _places(root: Path, file: re.Pattern[str]) -> list[Path]:
    """Folders with such a file, from the top: what lies beside another's checkpoints, or directly below one, is its."""
    places: dict[Path, None] = {}
    held: set[Path] = set()
    for number, (name, folders, files) in enumerate(os.walk(root)):
        folder = Path(name)
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in (OF_FINDER, "__pycache__"))
        if "pyvenv.cfg" in files or number >= MOST_FOLDERS:
            folders.clear()
        elif any(file.fullmatch(one) for one in files):
            held.add(folder)
            if folder == root or folder.parent not in held:
                is_checkpoint = folder != root and CHECKPOINT.fullmatch(folder.name)
                places[folder.parent if is_checkpoint else folder] = None
    return list(places)
