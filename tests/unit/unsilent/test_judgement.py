"""The rules by which a step is judged, on numbers alone: causes before signs, patience where it is due."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from unsilent.judgement import Judge
from unsilent.live import Live
from unsilent.outcome import fold_symptoms
from unsilent.step_record import Numbers, StepRecord


def judge(**options: Any) -> Judge:  # noqa: ANN401 - fields of Live
    """A judge over one layer, after a first step that was fine."""
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainable = dict(model.named_parameters())
    settings: dict[str, Any] = {"executed": set(trainable)}
    one = Judge(Live(model, optimizer, trainable, **settings | options))
    assert one(fine(1)) == []
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


BROKEN = {"weight": math.nan, "bias": 0.5}


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"micro_batches": [Numbers(supervised=0, rows=2)]}, "labels-all-masked"),
        ({"micro_batches": [Numbers(supervised=0, rows=1)]}, "labels-all-masked"),
        ({"micro_batches": [Numbers(loss=0.1, logits=math.inf)]}, "nan-masked"),
        ({"micro_batches": [Numbers(loss=0.1, own_loss=math.nan)]}, "nan-masked"),
        ({"micro_batches": [Numbers(loss=0.1, constant=True)]}, "nan-masked"),
        ({"micro_batches": [Numbers(loss=math.inf, supervised=3)]}, "nan-grad-norm"),
        ({"gradients": [(1, BROKEN)], "norms": BROKEN}, "nan-grad-norm"),
        ({"gradients": [], "norms": {}}, "checkpointing-detached"),
    ],
    ids=[
        "labels",
        "one row",
        "finite loss of inf",
        "own loss",
        "constant",
        "infinite loss",
        "gradient",
        "nothing came",
    ],
)
def test_one_step_has_one_root(changes: dict[str, Any], slug: str) -> None:
    """Whatever it looks like, one cause."""
    assert slugs(judge()(fine(2, **changes))) == [slug]


@pytest.mark.parametrize(
    "changes",
    [
        {"micro_batches": [Numbers(supervised=0, rows=1), Numbers(supervised=4, rows=1)]},
        {"micro_batches": []},
        {"lr": None},
        {"lr": 0.0},
        {"gradients": [(1, BROKEN)], "norms": BROKEN, "scaled": True, "scale": 65536.0},
        {"gradients": [(1, {"bias": 0.5})], "norms": {"bias": 0.5}},
    ],
    ids=["one masked row", "nothing seen", "no rate known", "one step at 0", "a scaler's skip", "an expert unused"],
)
def test_healthy_step_has_no_finding(changes: dict[str, Any]) -> None:
    """Each looks like a failure and is none."""
    assert judge()(fine(2, **changes)) == []


def test_gradients_of_zero_without_known_labels_get_three_steps() -> None:
    """A batch without labels looks the same; three in a row do not happen."""
    one, zero = judge(), {"weight": 0.0, "bias": 0.0}
    steps = [
        one(fine(step, micro_batches=[Numbers(loss=1.0)], gradients=[(1, zero)], norms=zero)) for step in (2, 3, 4)
    ]

    assert [slugs(found) for found in steps] == [[], [], ["weights-unchanged"]]


def test_tiny_gradients_are_not_zero() -> None:
    """Squares of 1e-30 underflow, the gradients do not."""
    one, zero = judge(), {"weight": 0.0, "bias": 0.0}
    one.live.trainable["weight"].grad = torch.full((1, 2), 1e-30)

    assert one(fine(2, gradients=[(1, zero)], norms=zero)) == []


def test_huge_gradients_are_not_broken() -> None:
    """Squares of 1e30 overflow, as under a scaler that grew for long; the gradients are finite."""
    one = judge()
    one.live.trainable["weight"].grad = torch.full((1, 2), 1e30)

    assert one(fine(2, gradients=[(1, BROKEN)], norms=BROKEN, scaled=True, scale=1e30)) == []


def test_repaired_gradient_is_masked() -> None:
    """NaN when it came, 0 now."""
    one = judge()
    one.live.trainable["weight"].grad = torch.zeros(1, 2)

    assert slugs(one(fine(2, gradients=[(1, BROKEN)], norms=BROKEN))) == ["nan-masked"]


def test_end_settles_what_patience_would_have_waited_for() -> None:
    """Weights that stood still, skips, and a rate of 0 throughout a short run."""
    still = judge()
    idle = judge(scheduler=SimpleNamespace())
    idle.idle = 3

    assert slugs(still.ended(fine(2, moved=False))) == ["weights-unchanged"]
    assert slugs(idle.ended(fine(4))) == ["lr-zero"]
    assert still.ended(fine(2, moved=True)) == []
    still.skips = 2
    assert "2 skipped by the scaler" in still.ended(fine(3, moved=False))[0].message
