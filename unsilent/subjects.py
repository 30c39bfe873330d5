"""Something to judge, named by its kind and a path: an adapter, what a run wrote, somebody's submission.

The pytest plugin asks two things of each kind: which failures are looked for, which is known before anything is read,
and the report. Of a submission that is what can be said without running it: its code is read, the adapters and the logs
in it are judged that lie under the names PEFT, Trainer and TensorBoard give them. A text that talks of losses is no log
until somebody says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .adapters import CHECKS, inspect_adapter
from .runs import SLUGS, read_run
from .submission_stages import LOOKED_FOR as OF_SUBMISSION
from .submission_stages import judge_submission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .outcome import Report

PARTIAL = "submission: code, adapters and run logs were read; nothing in it was imported or run"
Kind = Literal["adapter", "run-log", "submission"]

LOOKED_FOR: Mapping[Kind, tuple[str, ...]] = {
    "adapter": tuple(CHECKS),
    "run-log": SLUGS,
    "submission": tuple(OF_SUBMISSION),
}


def judge(kind: Kind, path: Path) -> Report:
    """Judge what lies at a path: an outcome for each failure that is looked for, of each thing that was found."""
    if kind == "adapter":
        return inspect_adapter(path)
    return read_run(path) if kind == "run-log" else judge_submission(path)
