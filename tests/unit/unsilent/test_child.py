"""What is done in a process of its own changes nothing here."""

from __future__ import annotations

import os
import pickle
import time

import pytest
import torch

from unsilent import child


def test_changes_stay_in_the_child() -> None:
    """Only what is returned comes back."""
    seen: list[int] = []

    def work() -> int:
        seen.append(1)
        return len(seen)

    assert (child.in_child(work), seen) == (1, [])


def test_much_comes_back_whole() -> None:
    """More than a pipe holds at once."""
    assert child.in_child(lambda: b"x" * 3_000_000) == b"x" * 3_000_000


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6).reshape(2, 3).T,
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(3, requires_grad=True),
        torch.zeros(()),
        torch.eye(3).to_sparse(),
        torch.nn.Parameter(torch.ones(2)),
    ],
    ids=["a view", "bfloat16", "with a gradient", "a number", "sparse", "a parameter"],
)
def test_tensors_come_back_as_they_were(tensor: torch.Tensor) -> None:
    """Of the same type, and to be written to."""
    (back,) = pickle.loads(child.packed([tensor]))  # noqa: S301 - our own

    assert (type(back), back.dtype, back.requires_grad) == (type(tensor), tensor.dtype, tensor.requires_grad)
    assert torch.equal(back.to_dense(), tensor.to_dense())
    with torch.no_grad():
        back.mul_(2)


def test_child_of_a_child_is_the_child() -> None:
    """Nothing that it does is seen, so there is no need of another."""
    assert child.in_child(lambda: child.in_child(os.getpid) == os.getpid()) is True


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: (_ for _ in ()), "cannot pickle"),
        (lambda: os._exit(3), "the process that read rows died"),
    ],
    ids=["raises", "cannot travel", "dies"],
)
def test_what_fails_there_is_a_sentence_here(work: object, reason: str) -> None:
    """Nothing is raised."""
    assert reason in str(child.in_child(work))  # type: ignore[arg-type] # any function


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set that waits for ever is given up."""
    monkeypatch.setattr(child, "LIMIT", 0.1)

    assert "took more than" in str(child.in_child(lambda: time.sleep(30)))


def test_without_forking_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.delattr(os, "fork")

    assert child.in_child(os.getpid) == os.getpid()
