"""Only the adapter is trained: a base parameter that requires a gradient is found before the first step.

In the reports the trainable share jumped. What is worse: the optimizer changes the base, and the change is lost when
the adapter is saved, so the model that was trained is nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch

from homework.lora import add_adapter, count_parameters
from unsilent.trainable import check_frozen_base

pytestmark = [pytest.mark.regression, pytest.mark.failure("base-not-frozen")]

ROW = {"input_ids": torch.arange(12)[None] + 3, "labels": torch.arange(12)[None] + 3}
UNFROZEN = "layers.0.mlp.up_proj.base_layer.weight"


def train(model: Any) -> Any:  # noqa: ANN401 - a PEFT model
    """Three steps on whatever requires a gradient."""
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2)
    for _ in range(3):
        model(**ROW).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def reloaded(model: Any, folder: Path) -> Any:  # noqa: ANN401
    """What is left of a model when its adapter is saved and put on the base again."""
    from peft import PeftModel

    model.save_pretrained(folder, save_embedding_layers=False)
    return PeftModel.from_pretrained(support.tiny_model(), str(folder)).eval()


@torch.no_grad()
def largest_difference(one: Any, other: Any) -> float:  # noqa: ANN401
    """Of the logits of two models."""
    return float((one(ROW["input_ids"]).logits - other(ROW["input_ids"]).logits).abs().max())


def test_fault_is_real(tmp_path: Path) -> None:
    """The trainable share jumps, and the trained model cannot be had back from its adapter."""
    model = add_adapter(support.tiny_model(), 2)
    before = count_parameters(model)[0]
    faults.unfreeze_base(model, UNFROZEN)
    after = count_parameters(model)[0]
    train(model)

    assert after == before + 64 * 32
    assert largest_difference(model, reloaded(model, tmp_path)) > 0.1


def test_check_finds_it() -> None:
    """The finding names the parameter, its size and its share."""
    model = add_adapter(support.tiny_model(), 2)
    name = faults.unfreeze_base(model, UNFROZEN)
    outcome = check_frozen_base(model)

    assert (outcome.status, outcome.slug) == ("failed", "base-not-frozen")
    assert f"1 parameters of the base that require a gradient (2,048 weights, 7.1% of the model). Where: {name}" in (
        outcome.message
    )
    assert outcome.evidence["parameters"] == [name]


def test_check_finds_every_one() -> None:
    """A base that was never frozen at all."""
    model = add_adapter(support.tiny_model(), 2)
    model.requires_grad_(True)

    assert check_frozen_base(model).evidence["count"] == 2 * 9 + 2


def test_healthy_twin_is_left_alone(tmp_path: Path) -> None:
    """As the library makes it: nothing of the base requires a gradient, moves, or is lost."""
    model = add_adapter(support.tiny_model(), 2)
    outcome = check_frozen_base(model)
    train(model)
    base = support.tiny_model().state_dict()
    now = {
        name.removeprefix("base_model.model.").replace("base_layer.", ""): weight
        for name, weight in model.state_dict().items()
        if "lora_" not in name
    }

    assert outcome.status == "passed"
    assert now.keys() == base.keys()
    assert all(torch.equal(weight, base[name]) for name, weight in now.items())
    assert largest_difference(model, reloaded(model, tmp_path)) == 0
