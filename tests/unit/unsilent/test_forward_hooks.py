"""A hook watches a module and nothing that is made of it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import torch

from unsilent.forward_hooks import Hook, checkpointed, owners, part_of


def test_copy_is_watched_by_nobody() -> None:
    """Neither a copied hook nor a saved one calls anything."""
    calls: list[object] = []
    hook = Hook(calls.append)
    hook("seen")
    copy.deepcopy(hook)("copied")
    pickle.loads(pickle.dumps(hook))("saved")  # noqa: S301 - our own bytes

    assert calls == ["seen"]


def test_checkpointed_modules_are_those_inside() -> None:
    """Of a module whose flag is on."""
    region: Any = torch.nn.Sequential(inner := torch.nn.Linear(2, 2))
    region.gradient_checkpointing = True
    model = torch.nn.Sequential(region, torch.nn.Linear(2, 2))

    assert checkpointed(model) == {region, inner}


def test_owner_is_the_module_that_holds_the_parameter() -> None:
    """With the names of all that it holds."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))

    assert owners(model, dict(model.named_parameters())) == [(model[0], ["0.weight", "0.bias"])]


def test_loss_and_logits_are_found_in_any_output() -> None:
    """A tensor is logits; a mapping and an object are asked by name; what does not float is nothing."""
    value = torch.ones(())

    assert part_of(value, "logits") is value
    assert part_of(value, "loss") is None
    assert part_of({"loss": value}, "loss") is value
    assert part_of((1, 2), "loss") is None
    assert part_of({"loss": torch.ones((), dtype=torch.int64)}, "loss") is None
