"""The adapter's own parameters are told from the base's, through every wrapper, and looking leaves no trace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
import trainers

from unsilent import adapted


def test_wrappers_are_taken_off() -> None:
    """DataParallel, DDP and torch.compile hold the model as an attribute."""
    model = trainers.fresh_adapter()
    wrapped: Any = SimpleNamespace(module=SimpleNamespace(_orig_mod=model))

    assert adapted.unwrapped(wrapped) is model
    assert adapted.unwrapped(plain := support.tiny_model()) is plain


def test_active_adapter_alone_counts() -> None:
    """Another adapter's parameters are not the active one's."""
    model = trainers.fresh_adapter()
    model.add_adapter("resting", model.peft_config["default"])

    assert len(adapted.adapter_parameters(model)) == 28
    assert all(".default." in name for name in adapted.adapter_parameters(model))
    assert adapted.active_adapters(model) == ["default"]


def test_adapter_may_be_named_by_a_string() -> None:
    """As models without PEFT's list have it."""
    assert adapted.active_adapters(SimpleNamespace(active_adapter="one", peft_config={"one": 1})) == ["one"]


def test_tuner_that_cannot_be_listed_counts_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PEFT fails, every parameter is looked at."""
    model = trainers.fresh_adapter()
    monkeypatch.setattr(adapted, "own_parameters", lambda *_: 1 / 0)

    assert len(adapted.adapter_parameters(model)) == len(list(model.parameters()))
    assert len(adapted.adapter_parameters(support.tiny_model())) == 20


def test_buffers_and_random_state_are_put_back() -> None:
    """Also after an exception."""
    module = torch.nn.BatchNorm1d(2)
    state = torch.get_rng_state()

    def look() -> None:
        with adapted.untouched(module):
            module(torch.randn(4, 2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()

    assert torch.equal(torch.get_rng_state(), state)
    assert module.num_batches_tracked == 0
