"""Rows and batches are described by what they hold: what is drawn anew, or cannot be had, is left out."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import trainers
from transformers import DataCollatorWithPadding, default_data_collator

from unsilent import run_rows, samples
from unsilent.run_rows import describe_rows, name_of


def test_rows_of_every_plain_kind_are_hashed() -> None:
    """Tensors, tuples, texts and nothing; one other token is another hash."""
    rows = [{"ids": torch.tensor([1, 2]), "text": ("a", None), "weight": 0.5}]
    other = [{"ids": torch.tensor([1, 3]), "text": ("a", None), "weight": 0.5}]

    assert run_rows._hash_rows(rows, 1, None) != run_rows._hash_rows(other, 1, None)


class Drawn:
    """Rows that are made anew at each reading."""

    def __len__(self) -> int:
        """As many as one."""
        return 1

    def __getitem__(self, index: int) -> list[float]:
        """Not twice the same."""
        return [random.random()]


@pytest.mark.parametrize("rows", [Drawn(), [object()], []], ids=["drawn anew", "no plain value", "none"])
def test_rows_without_a_content_that_stays(rows: Any) -> None:  # noqa: ANN401
    """They say nothing, and their length is known all the same; nothing is drawn from the run's own generator."""
    before = random.getstate()
    hashed, _ = run_rows._hash_rows(rows, len(rows), None)

    assert random.getstate() == before
    assert bool(hashed) == (rows == [])
    assert describe_rows(rows)["rows"] == len(rows)


@pytest.mark.parametrize("forks", [True, False])
def test_rows_are_looked_at_once(monkeypatch: pytest.MonkeyPatch, forks: bool) -> None:  # noqa: FBT001
    """The sample, with its tokenizer, and the description are those of two visits."""
    rows, tokenizer = trainers.counting_rows(20), object()
    apart = samples.read_sample(rows, default_data_collator), describe_rows(rows, default_data_collator)
    if not forks:
        monkeypatch.delattr("os.fork")
    sample, described = run_rows.look_at_rows(rows, default_data_collator, tokenizer)

    assert sample.tokenizer is tokenizer
    assert ([row.ids for row in sample.rows], described) == ([row.ids for row in apart[0].rows], apart[1])


def test_rows_that_cannot_travel_are_described_all_the_same() -> None:
    """A batch may hold what no pickle can."""

    def collate(rows: list[Any]) -> dict[str, Any]:
        return {**default_data_collator(rows), "open": (one for one in rows)}

    sample, described = run_rows.look_at_rows(trainers.counting_rows(4), collate)

    assert "cannot pickle" in sample.reason
    assert described["rows"] == 4
    assert "rows_hash" in described


def test_large_arrays_are_hashed_whole() -> None:
    """Not in words, and one number in the last row counts."""
    image = torch.zeros(3, 100, 100)
    other = image.clone()
    other[2, 99, 99] = 1
    same, copied, others = (run_rows._hash_rows([{"pixels": one}], 1, None)[0] for one in (image, image.clone(), other))

    assert same == copied != others
    assert isinstance(run_rows._values(image), str)


class Unreadable(list[int]):
    """Rows that are elsewhere."""

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401
        """Not now."""
        raise OSError(index)


def test_rows_that_cannot_be_read_are_counted() -> None:
    """No hash of them, nor of a batch."""
    rows = Unreadable([1, 2])

    assert describe_rows(rows, default_data_collator) == {"rows": 2}
    assert run_rows._hash_rows(rows, 2, default_data_collator) == ("", "")


def labelling(rows: list[Any]) -> dict[str, torch.Tensor]:
    """Batches with the prompts in the loss."""
    ids = torch.tensor([row["input_ids"] for row in rows])
    return {"input_ids": ids, "labels": ids, "attention_mask": torch.ones_like(ids)}


def padding(rows: list[Any]) -> dict[str, torch.Tensor]:
    """The same, padded on the left."""
    ends = {"input_ids": 0, "labels": -100, "attention_mask": 0}
    return {name: torch.nn.functional.pad(one, (3, 0), value=ends[name]) for name, one in labelling(rows).items()}


def test_batches_are_told_apart() -> None:
    """By what is in them, padded or not."""
    rows = trainers.counting_rows(5)
    usual, others, padded = (
        run_rows._hash_rows(rows, 5, collate)[1] for collate in (default_data_collator, labelling, padding)
    )

    assert others == padded != usual
    assert describe_rows(rows, labelling)["collated"] == others


@pytest.mark.parametrize(
    "draw",
    [random.random, lambda: torch.rand(()), np.random.rand],
    ids=["random", "torch", "numpy"],
)
def test_batch_that_is_drawn_has_no_hash(draw: Callable[[], Any]) -> None:
    """Its rows have one."""
    hashed = run_rows._hash_rows([[1.0]], 1, lambda rows: [rows, float(draw())])

    assert (bool(hashed[0]), hashed[1]) == (True, "")


def test_collator_is_named_by_its_class() -> None:
    """What Trainer wraps around it is left out; what cannot be collated has no hash."""
    wrapped: Any = SimpleNamespace(data_collator=DataCollatorWithPadding(None))

    assert (name_of(wrapped), name_of(padding)) == ("DataCollatorWithPadding", "padding")
    assert "collated" not in describe_rows([[1]], wrapped)


def test_stream_has_no_rows() -> None:
    """Nor a length: nothing is said of it."""
    assert describe_rows(iter([1])) == {}
