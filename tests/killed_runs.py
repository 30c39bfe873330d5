"""Trainings of the tiny base that end before they are done, at any place, as a kill or a signal would end them.

In this process a kill is an exception that nothing catches; ``in_child`` starts a real one, to be killed from outside.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import support

from homework import going_on
from homework.configuration import TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
WEIGHTS = "adapter_model.safetensors"
STEPS = 12
SETTINGS: dict[str, Any] = {"epochs": 4, "max_steps": STEPS, "save_steps": 2}
IN_STEP = ("before the step is taken", "after the step")
IN_SAVE = ("while the adapter is written", "while the optimizer is written", "before the seal", "after the seal")
PLACES = {
    IN_STEP[0]: (going_on.StepKeeper, "on_pre_optimizer_step"),
    IN_STEP[1]: (going_on.StepKeeper, "on_step_end"),
    IN_SAVE[0]: (going_on.ResumableTrainer, "_save"),
    IN_SAVE[1]: (going_on.ResumableTrainer, "_save_optimizer_and_scheduler"),
    IN_SAVE[2]: (going_on, "seal_step"),
    IN_SAVE[3]: (going_on, "seal_step"),
}


class Killed(BaseException):
    """The end of a process; no exception that anybody handles."""


@contextlib.contextmanager
def about_to(step: int, place: str, act: Callable[[], None]) -> Iterator[None]:
    """Do something when a training has taken ``step`` steps and next comes to ``place``."""
    owner, name = PLACES[place]
    real = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it takes
        values = [*args, *(getattr(value, "state", None) for value in args)]
        done = max(getattr(value, "global_step", getattr(value, "step", 0)) for value in values if value is not None)
        is_time = isinstance(done, int) and done >= step
        if is_time and place != IN_SAVE[3]:
            act()
        result = real(*args, **kwargs)
        if is_time and place == IN_SAVE[3]:
            act()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, wrapped)
        yield


def kill() -> None:
    """End here."""
    raise Killed


def train(base: Path, folder: Path, **options: Any) -> Any:  # noqa: ANN401 - a TrainingResult
    """Train to the end."""
    return support.train_tiny(base, folder, **SETTINGS | options)


def train_killed(base: Path, folder: Path, step: int, place: str = IN_STEP[0], **options: Any) -> None:  # noqa: ANN401
    """Train until a step, and end there."""
    with about_to(step, place, kill), pytest.raises(Killed):
        train(base, folder, **options)


def kept(folder: Path) -> list[str]:
    """What is kept of the run of an adapter."""
    run = folder.with_name(f"{folder.name}.unfinished")
    return sorted(path.name for path in run.iterdir() if path.name != "lock") if run.exists() else []


def in_child(base: Path, folder: Path, **options: Any) -> subprocess.Popen[str]:  # noqa: ANN401
    """Start the real program on the tiny base, with one thread."""
    config = TrainingConfig.from_options(str(folder), support.TINY_SETTINGS | {"checkpoint": str(base)} | options)
    return subprocess.Popen(
        [sys.executable, *config.command.split()[1:]],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
