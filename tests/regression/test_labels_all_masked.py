"""Most rows have a label to learn from.

Reported as `{'loss': 0.0, 'grad_norm': 0.0}` from the first step on: every label is -100, the loss has nothing to
average, and Trainer prints the NaN as 0.0. Nothing is learnt.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import support
import trainers
from transformers import DataCollatorForSeq2Seq

from homework.data import Dataset
from homework.sft import format_example
from homework.tokens import Collator, TokenizedDataset
from unsilent.rows import check_labels_masked, read_sample

pytestmark = [pytest.mark.regression, pytest.mark.failure("labels-all-masked")]

COLLATE = DataCollatorForSeq2Seq(support.tiny_tokenizer(), padding=True)


def test_fault_is_real(tmp_path: Path) -> None:
    """The documented log appears: loss 0.0 with a gradient norm of exactly 0.0, step after step."""
    rows = trainers.tokenized_rows()
    faults.mask_every_label(rows)
    log = trainers.train_plainly(support.tiny_model(), rows, COLLATE, tmp_path)

    assert [(record["loss"], record["grad_norm"]) for record in log] == [(0.0, 0.0)] * 4


def test_check_finds_it() -> None:
    """The finding counts rows and supervised tokens, and names the rows."""
    rows = trainers.tokenized_rows(10)
    faults.mask_every_label(rows)
    outcome = check_labels_masked(read_sample(rows, COLLATE))

    assert (outcome.status, outcome.slug) == ("failed", "labels-all-masked")
    assert "got none in 10 of 10 sampled rows" in outcome.message
    assert outcome.evidence == {"rows": 10, "masked": 10, "indices": list(range(10)), "min": 0, "median": 0, "max": 0}


def test_check_finds_most_rows_masked() -> None:
    """Six of ten are too many, and the others' labels show in the evidence."""
    rows = trainers.tokenized_rows(10)
    faults.mask_every_label(rows[4:])
    outcome = check_labels_masked(read_sample(rows, COLLATE))

    assert (outcome.evidence["masked"], outcome.evidence["median"], outcome.evidence["max"]) == (6, 0, 13)


def test_check_finds_labels_that_nothing_predicts() -> None:
    """A label at the first token alone is none: the loss is that of a masked row."""
    rows = [row | {"labels": [*row["input_ids"][:1], *[-100] * (len(row["labels"]) - 1)]} for row in ROWS]

    assert check_labels_masked(read_sample(rows, COLLATE)).status == "failed"


ROWS = trainers.tokenized_rows()


def test_healthy_twin_is_left_alone() -> None:
    """Prompts masked, answers not."""
    assert check_labels_masked(read_sample(ROWS, COLLATE)).status == "passed"


@pytest.mark.parametrize("masked", [1, 5])
def test_some_masked_rows_are_healthy(masked: int) -> None:
    """One row, or half of them, is mentioned and not condemned."""
    rows = trainers.tokenized_rows(10)
    faults.mask_every_label(rows[:masked])
    outcome = check_labels_masked(read_sample(rows, COLLATE))

    assert (outcome.status, outcome.message) == ("passed", f"{masked} of 10 sampled rows have no supervised label")


def test_library_supervises_every_row(small_data: Path) -> None:
    """After the reports: each row of the project's own data has a supervised token, through its own collator too."""
    tokenizer = support.tiny_tokenizer()
    items = TokenizedDataset(tokenizer, Dataset("train"), format_example)
    sample = read_sample(items, Collator(tokenizer.pad_token_id), count=len(items))

    assert [row.index for row in sample.rows if not row.supervised] == []
    assert check_labels_masked(sample).status == "passed"
