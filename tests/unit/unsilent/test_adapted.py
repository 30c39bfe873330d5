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


def test_adapter_that_has_changed_is_listed_anew() -> None:
    """What was listed once is kept only for as long as adapters and parameters are the same."""
    model = trainers.fresh_adapter()
    before = adapted.own_parameters(model)
    first = set(adapted.adapter_parameters(model))
    model.add_adapter("later", model.peft_config["default"])
    model.set_adapter("later")

    assert len(before) == 28
    assert len(adapted.own_parameters(model)) == 56
    assert first.isdisjoint(adapted.adapter_parameters(model))
    model.delete_adapter("default")
    assert len(adapted.own_parameters(model)) == 28


def test_part_called_module_is_not_the_whole() -> None:
    """Somebody's model may have a backbone of this name, and a head beside it."""
    model = torch.nn.Module()
    model.module, model.head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)

    assert adapted.unwrapped(model) is model
    assert adapted.unwrapped(torch.nn.DataParallel(model.head)) is model.head


def test_model_for_something_else_is_told() -> None:
    """By its class, also below an adapter."""

    class BertForTokenClassification(torch.nn.Module):
        """A name is enough."""

    assert not adapted.predicts_next_token(BertForTokenClassification())
    assert adapted.predicts_next_token(trainers.fresh_adapter())
    assert adapted.predicts_next_token(torch.nn.Linear(1, 1))


def test_adapter_may_be_named_by_a_string() -> None:
    """As models without PEFT's list have it; transformers' own models have a method."""
    assert adapted.active_adapters(SimpleNamespace(active_adapters=lambda: ["a"], peft_config={"a": 1})) == ["a"]
    assert adapted.active_adapters(SimpleNamespace(active_adapter="one", peft_config={"one": 1})) == ["one"]


def test_tuner_that_cannot_be_listed_counts_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PEFT fails, what is called lora is looked at, else every parameter."""
    model, other = trainers.fresh_adapter(), SimpleNamespace(peft_config={"x": 1}, named_parameters=lambda: [("w", 1)])
    monkeypatch.setattr(adapted, "own_parameters", lambda *_: 1 / 0)

    assert len(adapted.adapter_parameters(model)) == 28
    assert adapted.adapter_parameters(other) == {"w": 1}
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
