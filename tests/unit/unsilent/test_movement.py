"""Weights that move are seen, without a copy of more than a budget."""

from __future__ import annotations

import pytest  # noqa: TC002 - pytest reads the annotations
import torch

from unsilent import movement


def test_any_change_counts() -> None:
    """One element of one tensor of several."""
    weights = {"a": torch.zeros(3), "b": torch.zeros(5)}
    watched = movement.Movement(weights)
    before = bool(watched.moved())
    weights["b"][4] = 1e-30

    assert (before, bool(watched.moved())) == (False, True)


def test_budget_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest tensors are copied, and always one."""
    monkeypatch.setattr(movement, "BUDGET", 20)
    weights = {"large": torch.zeros(100), "small": torch.zeros(2), "middle": torch.zeros(3), "more": torch.zeros(4)}

    assert list(movement.Movement(weights).watched) == ["small", "middle"]
    assert list(movement.Movement({"large": torch.zeros(100)}).watched) == ["large"]
