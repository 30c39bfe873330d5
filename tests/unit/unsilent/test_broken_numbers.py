"""Numbers that mean nothing have one cause each, and those that do are left alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from judged_steps import BROKEN, fine, judge, slugs

from unsilent.step_record import Numbers


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"micro_batches": [Numbers(supervised=0, rows=2)]}, "labels-all-masked"),
        ({"micro_batches": [Numbers(loss=0.1, logits=math.inf)]}, "nan-masked"),
        ({"micro_batches": [Numbers(loss=0.1, own_loss=math.nan)]}, "nan-masked"),
        ({"micro_batches": [Numbers(loss=0.1, constant=True)]}, "nan-masked"),
        ({"micro_batches": [Numbers(loss=math.inf, supervised=3)]}, "nan-grad-norm"),
        ({"gradients": [(1, BROKEN)], "norms": BROKEN}, "nan-grad-norm"),
    ],
    ids=["labels", "finite loss of inf", "own loss", "constant", "infinite loss", "gradient"],
)
def test_one_step_has_one_root(changes: dict[str, Any], slug: str) -> None:
    """Whatever it looks like, one cause."""
    assert slugs(judge()(fine(2, **changes))) == [slug]


def test_rows_of_one_without_a_label_get_three_steps() -> None:
    """One row in sixty-four without a label is healthy in batches of one, too."""
    one = judge()
    empty: dict[str, Any] = {"micro_batches": [Numbers(supervised=0, rows=1)], "norms": {"weight": 0.0}}
    found = [slugs(one(fine(step, **empty))) for step in (2, 3, 4)]

    assert found == [[], [], ["labels-all-masked"]]


def test_masked_micro_batch_may_have_a_loss() -> None:
    """One of two, by a loss of one's own: found, without the sign of 0.0."""
    ones = [Numbers(loss=1.0, supervised=8, rows=2), Numbers(loss=1.1, supervised=0, rows=2)]
    outcomes = judge()(fine(2, micro_batches=ones))

    assert [outcome.slug for outcome in outcomes] == ["labels-all-masked"]


def test_loss_with_gradients_was_made_of_something() -> None:
    """Labels of a kind that is not understood are no finding."""
    assert judge()(fine(2, micro_batches=[Numbers(loss=1.1, supervised=0, rows=4)])) == []


def test_repaired_gradient_is_masked() -> None:
    """NaN when it came, 0 now."""
    one = judge()
    one.live.trainable["weight"].grad = torch.zeros(1, 2)

    assert slugs(one(fine(2, gradients=[(1, BROKEN)], norms=BROKEN))) == ["nan-masked"]


def test_norm_that_grew_until_it_broke_has_exploded() -> None:
    """The growth is the cause, NaN is what it looks like at its end."""
    one = judge()
    grown = one(fine(2, norms={"weight": 5e3, "bias": 0.5}))
    outcomes = one(fine(3, gradients=[(1, BROKEN)], norms=BROKEN))

    assert grown == []
    assert slugs(outcomes) == ["gradient-explosion"]
    assert "a norm that grew until it was not finite" in outcomes[0].message
