"""Steps for the rules of the guard: a judge over one layer, and records of a step to be judged."""

from __future__ import annotations

import math
from typing import Any

import torch

from unsilent.judgement import Judge
from unsilent.live import Live
from unsilent.outcome import fold_symptoms
from unsilent.step_record import Numbers, StepRecord

BROKEN = {"weight": math.nan, "bias": 0.5}
ZERO = {"weight": 0.0, "bias": 0.0}


def judge(**options: Any) -> Judge:  # noqa: ANN401 - fields of Live
    """A judge over one layer, after a first step that was fine."""
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainable = dict(model.named_parameters())
    settings: dict[str, Any] = {"executed": dict.fromkeys(trainable)}
    one = Judge(Live(model, optimizer, trainable, **settings | options))
    assert one(fine(1)) == []
    model.weight.grad = torch.full((1, 2), math.nan)
    return one


def fine(step: int, **changes: Any) -> StepRecord:  # noqa: ANN401 - fields of StepRecord
    """A step with nothing wrong."""
    norms = {"weight": 1.0, "bias": 0.5}
    numbers = Numbers(loss=2.0, own_loss=2.0, logits=5.0, supervised=8, rows=2)
    settings: dict[str, Any] = {"micro_batches": [numbers], "gradients": [(1, norms)], "norms": norms, "lr": 0.1}
    return StepRecord(step, **settings | changes)


def slugs(outcomes: list[Any]) -> list[str]:
    """Roots of what was found."""
    return [outcome.slug for outcome in fold_symptoms(outcomes)]
