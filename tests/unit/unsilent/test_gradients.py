"""Gradients are measured when they come, in order, and nothing is read before it is asked for."""

from __future__ import annotations

import pytest
import torch

from unsilent.gradients import GradientWatch, norms_of


@pytest.fixture
def pair() -> tuple[torch.nn.Sequential, GradientWatch]:
    """Two layers under watch."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    watch = GradientWatch(dict(model.named_parameters()))
    watch.start()
    return model, watch


def test_order_is_that_of_the_backward_pass(pair: tuple[torch.nn.Sequential, GradientWatch]) -> None:
    """The last layer's gradients come first; norms are those of what is in .grad."""
    model, watch = pair
    model(torch.ones(3, 2)).sum().backward()
    (arrivals,) = watch.take()

    assert arrivals.micro_batch == 1
    assert {name.split(".")[0] for name in arrivals.names[:2]} == {"1"}
    for name, norm in zip(arrivals.names, arrivals.norms, strict=True):
        assert norm == model.get_parameter(name).grad.norm()  # type: ignore[union-attr] # it came


def test_micro_batches_are_counted(pair: tuple[torch.nn.Sequential, GradientWatch]) -> None:
    """From 1 again after they were taken."""
    model, watch = pair
    for _ in range(2):
        model(torch.ones(3, 2)).sum().backward()
        watch.micro_batch += 1

    assert [arrivals.micro_batch for arrivals in watch.take()] == [1, 2]
    assert watch.micro_batch == 1


def test_frozen_parameters_are_not_watched() -> None:
    """They get no gradient."""
    layer = torch.nn.Linear(2, 1)
    layer.bias.requires_grad = False
    watch = GradientWatch(dict(layer.named_parameters()))
    watch.start()
    layer(torch.ones(1, 2)).sum().backward()

    assert watch.take()[0].names == ("weight",)


def test_gradient_that_is_used_up_is_left_out(pair: tuple[torch.nn.Sequential, GradientWatch]) -> None:
    """An optimizer inside the backward pass sets it to None."""
    model, watch = pair
    for weight in model.parameters():
        weight.register_post_accumulate_grad_hook(lambda weight: setattr(weight, "grad", None))  # type: ignore[no-untyped-call]
    model(torch.ones(1, 2)).sum().backward()

    assert watch.take() == []


def test_sparse_gradients_are_measured() -> None:
    """As of an embedding with sparse=True."""
    embedding = torch.nn.Embedding(5, 2, sparse=True)
    watch = GradientWatch(dict(embedding.named_parameters()))
    watch.start()
    embedding(torch.tensor([1, 3])).sum().backward()

    assert watch.take()[0].norms.tolist() == [2.0]


def test_nothing_is_left_after_stop(pair: tuple[torch.nn.Sequential, GradientWatch]) -> None:
    """No hook, no memory."""
    model, watch = pair
    watch.stop()
    model(torch.ones(1, 2)).sum().backward()

    assert watch.take() == []
    assert not any(getattr(weight, "_post_accumulate_grad_hooks", None) for weight in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_norms_are_wide(dtype: torch.dtype) -> None:
    """A thousand times 300 in fp16 has a norm that fp16 could hold no more once it grew by ten."""
    norms = norms_of([torch.full((100_000,), 300.0, dtype=dtype), torch.zeros(2, dtype=dtype)])

    assert norms.tolist() == pytest.approx([94868.33, 0.0], rel=1e-2)
