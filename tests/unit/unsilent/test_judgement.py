"""The rules by which a step is judged, on numbers alone: causes before signs, patience where it is due."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from judged_steps import BROKEN, ZERO, fine, judge, slugs

from unsilent.judgement import Judge
from unsilent.live import Live
from unsilent.step_record import Numbers


@pytest.mark.parametrize(
    "changes",
    [
        {"micro_batches": [Numbers(supervised=0, rows=1), Numbers(supervised=4, rows=1)]},
        {"micro_batches": [Numbers(supervised=0, rows=1)]},
        {"micro_batches": [Numbers(loss=2.0, logits=-math.inf)]},
        {"gradients": [], "norms": {}},
        {"micro_batches": []},
        {"lr": None},
        {"lr": 0.0},
        {"gradients": [(1, BROKEN)], "norms": BROKEN, "scaled": True, "scale": 65536.0},
        {"gradients": [(1, {"bias": 0.5})], "norms": {"bias": 0.5}},
    ],
    ids=[
        "one masked row", "a batch of one", "masked logits", "a batch skipped", "nothing seen", "no rate known",
        "one step at 0", "a scaler's skip", "an expert unused",
    ],
)  # fmt: skip
def test_healthy_step_has_no_finding(changes: dict[str, Any]) -> None:
    """Each looks like a failure and is none."""
    assert judge()(fine(2, **changes)) == []


def test_gradients_of_zero_at_the_models_own_loss_are_found_at_once() -> None:
    """Labels are there, and the loss is that of the model."""
    numbers = Numbers(loss=2.0, own_loss=2.0, supervised=8, connected=True)
    one = judge()
    one.live.trainable["weight"].grad = None

    assert slugs(one(fine(2, micro_batches=[numbers], gradients=[(1, ZERO)], norms=ZERO))) == ["weights-unchanged"]


def test_gradients_of_zero_at_a_loss_of_ones_own_get_ten_steps() -> None:
    """All rewards are equal, all margins kept: healthy, unless nothing else has ever come."""
    model = torch.nn.Linear(2, 1)
    trainable = dict(model.named_parameters())
    silent = Judge(Live(model, torch.optim.SGD(model.parameters(), lr=0.1), trainable))
    zero: dict[str, Any] = {"micro_batches": [Numbers(loss=1.0)], "gradients": [(1, ZERO)], "norms": ZERO}
    found = [slugs(silent(fine(step, **zero))) for step in range(1, 11)]
    later = judge()
    later.live.trainable["weight"].grad = None

    assert found == [[]] * 9 + [["weights-unchanged"]]
    assert [later(fine(step, **zero)) for step in range(2, 20)] == [[]] * 18


def test_steps_without_any_gradient_get_three() -> None:
    """A loop may skip a batch; at the first step a loss that could have reached something decides."""
    later = judge()
    found = [slugs(later(fine(step, gradients=[], norms={}))) for step in (2, 3, 4)]
    model = torch.nn.Linear(2, 1)
    first = Judge(Live(model, torch.optim.SGD(model.parameters(), lr=0.1), dict(model.named_parameters())))

    assert found == [[], [], ["checkpointing-detached"]]
    assert slugs(first(fine(1, micro_batches=[Numbers(loss=1.0, connected=True)], gradients=[], norms={}))) == [
        "checkpointing-detached"
    ]


def test_lower_layers_that_lose_their_gradients_get_three_steps() -> None:
    """All that take part before the first that receives one."""
    one = judge()
    one.live.executed = {"weight": None, "bias": None}
    cut: dict[str, Any] = {"gradients": [(1, {"bias": 1.0})], "norms": {"bias": 1.0}}

    assert [slugs(one(fine(step, **cut))) for step in (2, 3, 4)] == [[], [], ["checkpointing-detached"]]


def test_rise_on_other_rows_is_no_divergence() -> None:
    """Harder rows make a higher loss; the first batch tells."""
    model = torch.nn.Linear(2, 1)
    live = Live(model, torch.optim.SGD(model.parameters(), lr=0.1), dict(model.named_parameters()))
    answers = itertools.chain([False], itertools.repeat(True))
    live.has_got_worse = lambda: next(answers)  # type: ignore[method-assign] # one no, then yes
    one = Judge(live)
    losses = [1.0] * 6 + [3.0] * 60
    found = [slugs(one(fine(step, micro_batches=[Numbers(loss=loss)]))) for step, loss in enumerate(losses, start=1)]
    said = [step for step, slugs_found in enumerate(found, start=1) if slugs_found]

    assert found[said[0] - 1] == ["loss-diverging"]
    assert said[0] > 20


@pytest.mark.parametrize(
    ("norm", "slug", "words"),
    [(500.0, "gradient-explosion", "after a norm of 500"), (3.0, "weights-unchanged", "after steps that had some")],
)
def test_gradients_that_die_say_what_went_before(norm: float, slug: str, words: str) -> None:
    """Exactly 0 in every place: an explosion has saturated the model, or something has cut it off."""
    one = judge()
    one.live.trainable["weight"].grad = torch.zeros(1, 2)
    leap = {"weight": norm, "bias": 0.5}
    own = [Numbers(loss=2.0, own_loss=2.0, logits=5.0, supervised=8, rows=2, connected=True)]
    steps = [
        fine(step, gradients=[(1, norms)], norms=norms, micro_batches=own) for step, norms in ((2, leap), (3, ZERO))
    ]
    found = [one(step) for step in steps]

    assert [slugs(outcomes) for outcomes in found] == [[], [slug]]
    assert words in found[1][0].message


def test_huge_norm_need_not_be_waited_out_when_the_model_got_worse() -> None:
    """A norm of 6e9 after one of 1.1: the next may be NaN."""
    one = judge()
    one.live.has_got_worse = lambda: True  # type: ignore[method-assign] # as its first batch would show
    huge = {"weight": 6e9, "bias": 0.5}

    assert slugs(one(fine(2, gradients=[(1, huge)], norms=huge))) == ["gradient-explosion"]


def test_tiny_gradients_are_not_zero() -> None:
    """Squares of 1e-30 underflow, the gradients do not."""
    one = judge()
    one.live.trainable["weight"].grad = torch.full((1, 2), 1e-30)

    assert one(fine(2, gradients=[(1, ZERO)], norms=ZERO)) == []


def test_huge_gradients_are_not_broken() -> None:
    """Squares of 1e30 overflow, as under a scaler that grew for long; the gradients are finite."""
    one = judge()
    one.live.trainable["weight"].grad = torch.full((1, 2), 1e30)

    assert one(fine(2, gradients=[(1, BROKEN)], norms=BROKEN, scaled=True, scale=1e30)) == []


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


def test_end_soon_after_weights_are_watched_anew_settles_nothing() -> None:
    """They have moved before; one last step, or one that a scaler skips, is too little to say that they stopped."""
    one = judge()
    one.look_again(set(), 2)
    one(fine(2))
    one.skips = 2
    few = one.ended(fine(3, moved=False))
    one.due = 3

    assert few == []
    assert slugs(one.ended(fine(5, moved=False))) == ["weights-unchanged"]
