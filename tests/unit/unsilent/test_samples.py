"""Rows are read evenly, alone, and without a trace."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import support
import torch
from transformers import DataCollatorForLanguageModeling, default_data_collator

from unsilent import samples
from unsilent.samples import read_sample

TOKENIZER = support.tiny_tokenizer()


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read here, where it is seen; ``test_child.py`` and ``test_guard.py`` fork."""
    monkeypatch.setattr(samples, "in_child", lambda work: work())


def plain_rows(count: int) -> list[dict[str, list[int]]]:
    """Rows of three tokens."""
    return [{"input_ids": [3, 4, number], "labels": [3, 4, number]} for number in range(count)]


@pytest.mark.parametrize(
    ("length", "count", "indices"),
    [(3, 16, [0, 1, 2]), (100, 4, [0, 33, 66, 99]), (100, 1, [0])],
    ids=["fewer than asked for", "spread", "one"],
)
def test_rows_are_spread_evenly(length: int, count: int, indices: list[int]) -> None:
    """First and last among them."""
    sample = read_sample(plain_rows(length), default_data_collator, count=count)

    assert [row.index for row in sample.rows] == indices


class Restless:
    """A data set that draws from every source, and a collator that does and then changes what it was given."""

    def __len__(self) -> int:
        """Five rows."""
        return 5

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        """Raise for odd rows, after drawing."""
        random.random()
        torch.rand(())
        if index % 2:
            raise OSError("unreadable")
        return {"input_ids": [3, 4, 5]}

    def collate(self, rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        """Draw again."""
        rows[0]["input_ids"].append(int(torch.randint(3, 9, ())))
        return {"input_ids": torch.tensor([rows[0]["input_ids"]])}


def test_rows_that_raise_are_left_out_and_nothing_is_drawn() -> None:
    """The others are judged, and random states are what they were."""
    states = random.getstate(), torch.get_rng_state()
    data = Restless()
    sample = read_sample(data, data.collate)

    assert [row.index for row in sample.rows] == [0, 2, 4]
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])


def test_collator_cannot_change_the_data_set() -> None:
    """It is given a copy, where one can be made."""
    data = [{"input_ids": [3, 4, 5]}]
    read_sample(data, Restless().collate)

    assert data == [{"input_ids": [3, 4, 5]}]


def test_item_that_cannot_be_copied_is_passed_on() -> None:
    """A row with something in it that refuses is read all the same."""
    data = [{"input_ids": [3, 4], "labels": [3, 4], "source": iter(())}, {"input_ids": [3, 4], "lock": (_ for _ in ())}]
    sample = read_sample(data, lambda rows: {"input_ids": [rows[0]["input_ids"]]})

    assert len(sample.rows) == 2


def test_seeded_collator_draws_its_first_numbers_in_training() -> None:
    """Transformers' masked language modeling makes a generator at its first call: it is made anew."""
    tokenizer = copy.deepcopy(TOKENIZER)
    tokenizer.mask_token = support.UNK
    collate = DataCollatorForLanguageModeling(tokenizer, mlm=True, seed=3)
    rows: list[Any] = [{"input_ids": [5] * 50}] * 2
    read_sample(rows, collate)
    after, fresh = collate(rows), DataCollatorForLanguageModeling(tokenizer, mlm=True, seed=3)(rows)

    assert torch.equal(after["labels"], fresh["labels"])


def test_tokenizer_keeps_its_settings() -> None:
    """How it cut and padded in its last call, and what the collator will set, are both known afterwards."""
    tokenizer = support.tiny_tokenizer()
    tokenizer("x", truncation=True, max_length=7, padding="max_length")
    settings = tokenizer._tokenizer.truncation, tokenizer._tokenizer.padding

    def collate(rows: list[dict[str, str]]) -> Any:  # noqa: ANN401 - a batch
        return tokenizer([row["text"] for row in rows], truncation=True, max_length=5)

    sample = read_sample([{"text": "eight letters"}], collate, tokenizer=tokenizer)

    assert sample.max_lengths == {7, 5}
    assert (tokenizer._tokenizer.truncation, tokenizer._tokenizer.padding) == settings


def test_rows_of_a_filtered_table_are_found(tmp_path: Path) -> None:
    """What a filter has dropped can be read beside what it kept; a plain selection of rows in order has none."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: it comes with TRL")
    whole = datasets.Dataset.from_list(plain_rows(10))
    sample = read_sample(whole.filter(lambda row: row["labels"][2] < 4), default_data_collator)

    assert [row.ids[2] for row in sample.rows] == [0, 1, 2, 3]
    assert ([row.ids[2] for row in sample.dropped], sample.looked_at) == ([4, 5, 6, 7, 8, 9], 10)
    assert read_sample(whole, default_data_collator).looked_at == 0


def test_data_set_that_takes_its_process_down_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on, and the rows are reported as unread."""
    monkeypatch.setattr(samples, "in_child", lambda _: "the process that read rows died")
    sample = read_sample(plain_rows(2), default_data_collator, tokenizer=TOKENIZER)

    assert (sample.rows, sample.reason, sample.tokenizer) == ((), "the process that read rows died", TOKENIZER)
