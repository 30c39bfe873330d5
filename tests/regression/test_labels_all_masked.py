"""Most rows have a label to learn from.

Reported as `{'loss': 0.0, 'grad_norm': 0.0}` from the first step on: every label is -100, the loss has nothing to
average, and Trainer prints the NaN as 0.0. Nothing is learnt.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import faults
import pytest
import snippets
import support
import torch
import trainers
from transformers import DataCollatorForSeq2Seq

from homework.data import Dataset
from homework.sft import format_example
from homework.tokens import Collator, TokenizedDataset
from unsilent.monitor import StepMonitor
from unsilent.outcome import FailureFound
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


def test_guard_stops_at_the_batch(tmp_path: Path) -> None:
    """The third micro-batch of the run has no label; too few rows for the sample to see."""
    rows = faults.mask_rows(trainers.counting_rows(64), 8, 12)
    options: dict[str, Any] = {"gradient_accumulation_steps": 2, "train_sampling_strategy": "sequential"}
    found = trainers.caught(trainers.make_trainer(tmp_path, rows=rows, **options))

    assert (found.failure.slug, found.step, found.micro_batch) == ("labels-all-masked", 2, 1)
    assert "every label of 4 rows is -100" in str(found)
    assert found.evidence["supervised"] == 0


@pytest.mark.parametrize("with_labels", [True, False], ids=["the model's loss", "a loss of one's own"])
def test_monitor_finds_it_in_a_plain_loop(with_labels: bool) -> None:  # noqa: FBT001
    """The mean over no label is NaN, from logits that are finite, with gradients of exactly 0."""
    model = trainers.fresh_adapter().train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad])
    monitor = StepMonitor(model, optimizer)
    ids = torch.arange(24).view(2, 12) + 3
    labels = torch.full_like(ids, -100)
    output = model(input_ids=ids, labels=labels if with_labels else None)
    loss = torch.nn.functional.cross_entropy(output.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    loss.backward()  # type: ignore[no-untyped-call]
    monitor.after_backward(loss)
    with pytest.raises(FailureFound, match="labels-all-masked") as found:
        monitor.before_step()

    assert (found.value.step, found.value.micro_batch) == (1, 1)


def test_one_masked_row_is_left_alone(tmp_path: Path) -> None:
    """One row of a batch of four; and one row alone in its micro-batch, among others of the step."""
    rows = faults.mask_rows(trainers.counting_rows(64), 8, 9)
    options: list[dict[str, Any]] = [
        {},
        {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4, "max_steps": 16},
    ]

    for more in options:
        assert trainers.guarded(trainers.make_trainer(tmp_path, rows=rows, **more)).report.findings == []


def test_trl_hides_it_and_the_guard_does_not(tmp_path: Path) -> None:
    """TRL clamps the loss of a batch without labels to 0.0; here its collator loses those of the second batch."""
    trainer = trainers.sft_trainer(trainers.texts(), tmp_path, trainers.fresh_adapter(), max_steps=4)
    collate, batches = trainer.data_collator, itertools.count(1)

    def masked(rows: Any) -> Any:  # noqa: ANN401 - a batch
        batch = collate(rows)
        return batch | {"labels": batch["labels"].fill_(-100)} if next(batches) == 2 else batch

    trainer.data_collator = masked
    found = trainers.caught(trainer, wiring=False)

    assert (found.failure.slug, found.step) == ("labels-all-masked", 2)


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "labels-all-masked")
