"""Trainings of two processes over gloo: one rank meets a NaN, or what must be equal is not; and healthy ones.

Each rank has a Trainer as ``torchrun`` starts it, which wraps the model in DDP and gives every rank rows of its own.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import faults
import trainers
from transformers import Trainer

from .registry import control, fault
from .run_cases import POISONED
from .runs import LR, STEPS, Ranks, Run, adapted, setup

if TYPE_CHECKING:
    from pathlib import Path

ROWS = STEPS * 8


class GoesAroundDDP(Trainer):  # type: ignore[misc] # untyped base class
    """Found in the wild: the loss is computed by ``self.model``, not by the model that was handed in."""

    def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what Trainer hands in
        """Compute the loss on the model below DDP, which averages no gradient then."""
        return super().compute_loss(self.model, *args, **kwargs)


def ready(folder: Path, rank: int, model: Any = None, rows: Any = None, **options: Any) -> Run:  # noqa: ANN401
    """The run of one rank."""
    rows = trainers.tokenized_rows(ROWS) if rows is None else rows
    return setup(folder / f"rank-{rank}", model, rows=rows, **{"ddp_find_unused_parameters": False} | options)


@fault(Ranks, "nan-grad-norm", "ranks-disagree", words="nan-gradient-hook")
def nan_on_one_rank(folder: Path) -> Ranks:
    """A gradient that is NaN on rank 1 alone, in step 5: averaged, it is NaN on both."""

    def build(rank: int) -> Run:
        faults.spoil_one_rank(model := adapted(), f"{POISONED}.weight", backward=5, this=rank)
        return ready(folder, rank, model)

    return Ranks(build, folder)


@fault(Ranks, "ranks-disagree", words="ranks-not-averaged")
def ranks_not_averaged(folder: Path) -> Ranks:
    """compute_loss calls self.model, below DDP: no gradient is averaged, each rank trains its own adapter."""
    return Ranks(functools.partial(ready, folder, trainer_class=GoesAroundDDP), folder)


@fault(Ranks, "ranks-disagree", words="ranks-learning-rate")
def ranks_other_learning_rate(folder: Path) -> Ranks:
    """Rank 1 has twice the learning rate: the adapters drift apart."""
    return Ranks(lambda rank: ready(folder, rank, learning_rate=LR * (1 + rank)), folder)


@fault(Ranks, "ranks-disagree", words="ranks-uneven")
def ranks_uneven(folder: Path) -> Ranks:
    """Each rank has loaded its own rows, rank 1 fewer of them: their epochs end at other steps."""
    return Ranks(lambda rank: ready(folder, rank, rows=trainers.tokenized_rows(ROWS - 40 * rank)), folder)


@control(Ranks)
def ranks_plain(folder: Path) -> Ranks:
    """Two ranks, plain."""
    return Ranks(functools.partial(ready, folder), folder)


@control(Ranks)
def ranks_accumulation(folder: Path) -> Ranks:
    """Two ranks, accumulation of 2, dropout."""
    return Ranks(
        lambda rank: ready(folder, rank, adapted(lora_dropout=0.1), gradient_accumulation_steps=2, max_steps=6), folder
    )
