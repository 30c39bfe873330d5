"""Random states are what they were, whoever holds them, also after an exception."""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unsilent.randomness import plain_attributes, untouched_randomness

DRAWS: dict[str, Callable[[], object]] = {
    "random": random.random,
    "numpy": lambda: float(np.random.rand()),  # noqa: NPY002 - the global state is what is looked at
    "torch": lambda: float(torch.rand(())),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
@given(times=st.integers(1, 5))
def test_global_states_are_put_back(draw: Callable[[], object], times: int) -> None:
    """What is drawn inside does not show outside."""
    with untouched_randomness():
        expected = [draw() for _ in range(times)]

    assert [draw() for _ in range(times)] == expected


def test_states_are_put_back_after_an_exception() -> None:
    """A data set that draws and then raises has drawn nothing."""
    state = torch.get_rng_state()

    with pytest.raises(TypeError, match="must be"), untouched_randomness():
        torch.zeros(int(torch.rand(())), dtype="no dtype")  # type: ignore[call-overload] # on purpose
    assert torch.equal(torch.get_rng_state(), state)


OWN: dict[str, tuple[Callable[[], Any], Callable[[Any], float]]] = {
    "random": (lambda: random.Random(0), lambda source: float(source.random())),
    "numpy": (lambda: np.random.default_rng(0), lambda source: float(source.random())),
    "old numpy": (lambda: np.random.RandomState(0), lambda source: float(source.rand())),
    "torch": (torch.Generator, lambda source: float(torch.rand((), generator=source))),
}


@pytest.mark.parametrize(("make", "draw"), OWN.values(), ids=OWN.keys())
@pytest.mark.parametrize("hold", ["attribute", "inner attribute", "closure", "partial"])
def test_generators_that_objects_hold_are_put_back(
    make: Callable[[], Any], draw: Callable[[Any], float], hold: str
) -> None:
    """In an attribute, in one of an inner object, in what a function closes over or is bound to."""
    source = make()
    holders: dict[str, object] = {
        "attribute": SimpleNamespace(source=source),
        "inner attribute": SimpleNamespace(inner=SimpleNamespace(source=source, kind=int)),
        "closure": lambda: source,
        "partial": functools.partial(lambda: source),
    }
    with untouched_randomness(holders[hold]):
        expected = draw(source)

    assert draw(source) == expected


def test_generator_made_inside_is_forgotten() -> None:
    """A collator that makes its generator at the first call makes it again, from its seed, when training calls it."""
    holder = SimpleNamespace(source=None, other=None)
    with untouched_randomness(holder):
        holder.source, holder.other = torch.Generator().manual_seed(3), 5

    assert (holder.source, holder.other) == (None, 5)


def test_cuda_states_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CUDA is in use, each device's state is read before and written after."""
    written: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: ["state"])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", written.append)
    with untouched_randomness():
        pass

    assert written == [["state"]]


def test_works_without_torch_and_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither was imported, Python's own state is all there is."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with untouched_randomness():
        expected = random.random()

    assert random.random() == expected


def test_numbers_and_words_are_seen() -> None:
    """Of an object, of what it holds, and of what a function closes over; a list is neither."""
    inner = SimpleNamespace(step=3, rows=[1])

    assert plain_attributes(SimpleNamespace(name="a", inner=inner)) == [("name", "a"), ("step", 3)]
    assert ("step", 3) in plain_attributes(lambda: inner)
    assert plain_attributes(None) == []
