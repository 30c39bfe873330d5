"""What is known of a run that goes on, and what comparing it has found; see ``resumption``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .resumed_files import Difference


@dataclass(frozen=True)
class Resumed:
    """What is known of a run before its first step; None or empty where something is not.

    Attributes:
        model: What is trained.
        global_step: Optimizer steps that were taken; 0 at the beginning of a run.
        optimizer: With the state that was restored, or not.
        scheduler: Likewise.
        scaled: A gradient scaler skips steps on purpose: optimizer and schedule then count fewer.
        arguments: ``TrainingArguments``, or anything with some of their names.
        epoch: Epochs that were done, as the run that stopped had counted them.
        steps_per_epoch: Optimizer steps of an epoch, and micro-batches of an epoch, as they are now.
        max_steps: Of the whole run.
        checkpoint: The folder that it goes on from.
        before: What a guard kept of the run that stopped: ``run_identity.describe_run`` of that time.
        now: The same of this one.
    """

    model: Any
    global_step: int
    optimizer: Any = None
    scheduler: Any = None
    scaled: bool = False
    arguments: Any = None
    epoch: float | None = None
    steps_per_epoch: tuple[int, int] | None = None
    max_steps: int = 0
    checkpoint: Path | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    now: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Findings:
    """What the parts of the check found: differences, what could not be told and why, and what is no mistake."""

    differences: list[Difference] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)
