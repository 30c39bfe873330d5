"""What a rank tells the others of its weights: words that are equal where every bit is, and once."""

from __future__ import annotations

import torch

from unsilent.rank_facts import RankFacts
from unsilent.ranks import GRADIENTS


def facts(*, left_out: str = "") -> tuple[torch.nn.Module, RankFacts]:
    """A small model whose first layer nobody trains."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 1))
    model[0].requires_grad_(requires_grad=False)
    model._ddp_params_and_buffers_to_ignore = [left_out]  # type: ignore[assignment] # as DDP has it
    return model, RankFacts(model, {name: one for name, one in model.named_parameters() if one.requires_grad})


def words(seen: RankFacts, *, with_gradients: bool = True) -> dict[str, object]:
    """Of what was taken, once it was read."""
    prints = seen.take()
    assert prints is not None
    return dict(seen.named(prints.flatten().tolist(), with_gradients=with_gradients))


def test_weights_are_those_of_the_look_and_gradients_those_of_now() -> None:
    """The step comes between the two."""
    model, seen = facts()
    seen.look()
    before = words(seen)
    seen.look()
    model(torch.ones(1, 3)).sum().backward()
    after = words(seen)

    assert before.keys() == {"1.weight", "1.bias", GRADIENTS}
    assert before | {GRADIENTS: ""} == after | {GRADIENTS: ""}
    assert before[GRADIENTS] != after[GRADIENTS]


def test_print_is_taken_once() -> None:
    """And none where it was not wanted."""
    _, seen = facts()
    seen.look()
    assert GRADIENTS not in words(seen, with_gradients=False)

    assert seen.take() is None
    seen.look(wanted=False)
    assert seen.take() is None
    assert seen.named(()) == {}


def test_what_ddp_leaves_out_is_left_out() -> None:
    """It may differ on purpose, trained or frozen."""
    assert "1.bias" not in facts(left_out="1.bias")[1].shared
    assert facts(left_out="0.bias")[1].frozen.keys() == {"0.weight"}


def test_beginning_tells_settings_and_shapes() -> None:
    """A wrapped optimizer by the name of what it wraps."""
    model, seen = facts()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    told = seen.at_the_beginning(optimizer, "stop", optimizer.param_groups)

    assert (told["the optimizer"], told["the learning rate"], told["on_finding"]) == ("SGD", [0.5], "stop")
    assert str(told["1.weight"]).startswith("(1, 3) torch.float32, bits ")
    assert "the frozen weights" in told
