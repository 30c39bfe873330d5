"""One forward pass names the first module whose numbers leave the range."""

from __future__ import annotations

import math

import pytest
import support
import torch

from unsilent.passes import find_overflow

BATCH = {"input_ids": torch.arange(12)[None] + 3, "note": "not a tensor"}


class Twice(torch.nn.Module):
    """Two layers with an operation between them that no module does."""

    def __init__(self, factor: float) -> None:
        """Remember the factor."""
        super().__init__()
        self.first, self.second, self.factor = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), factor

    def forward(self, x: torch.Tensor, pair: list[torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
        """Return a mapping."""
        return {"y": self.second(self.first(x) * self.factor + 1), "z": torch.zeros(0), "pair": pair}


def test_nothing_is_named_on_a_healthy_model() -> None:
    """Masks of -inf and of the lowest number are no fault."""
    model = support.tiny_model()

    assert find_overflow(model, {"input_ids": BATCH["input_ids"]}, math.inf) is None


def test_first_module_is_named() -> None:
    """With its largest value and dtype."""
    model = support.tiny_model()
    model.model.layers[0].mlp.up_proj.weight.data.mul_(1e6)
    spot = find_overflow(model, {"input_ids": BATCH["input_ids"]})

    assert spot is not None
    assert (spot.module, spot.at, spot.dtype) == ("model.layers.0.mlp.up_proj", "output", "float32")
    assert spot.largest > 65504


def test_infinity_is_named_where_it_arises() -> None:
    """Not where it has become NaN, one module later."""
    model = Twice(1.0)
    model.first.register_forward_hook(lambda module, args, output: output * math.inf)
    spot = find_overflow(model, {"x": torch.ones(1, 2)}, math.inf)

    assert spot is not None
    assert spot.module != "second"


def test_what_happens_between_modules_is_named_by_what_takes_it() -> None:
    """A product beyond the range, before the next module."""
    spot = find_overflow(Twice(1e9), {"x": torch.ones(1, 2), "pair": [torch.ones(1)]})

    assert spot is not None
    assert (spot.module, spot.at) == ("second", "input")


def test_model_that_raises_leaves_no_hook() -> None:
    """The error is the caller's business."""
    model = Twice(1.0)
    with pytest.raises(TypeError):
        find_overflow(model, {"unknown": torch.ones(1)})

    assert not any(module._forward_hooks for module in model.modules())
