"""No row loses its answer to a maximum length.

With ``max_length`` shorter than prompt and answer the labels, which stand at the end, are what is cut off: the loss is
zero or jumpy. TRL drops the rows without labels and trains on the few that are left.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import support
import trainers
from transformers import default_data_collator

from unsilent.outcome import fold_symptoms
from unsilent.rows import check_rows, check_truncation, read_sample

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("answers-truncated"),
    pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning"),  # TRL's default
]

PAIRS = [{"prompt": "How many cm are in it? " * (1 + n % 4), "completion": f"{n}00</answer>"} for n in range(40)]


def test_fault_is_real(tmp_path: Path) -> None:
    """Rows cut in their prompts have nothing to learn from: loss and gradient norm are 0.0."""
    rows = trainers.tokenized_rows()
    faults.cut_rows(rows, 20)
    log = trainers.train_plainly(support.tiny_model(), rows, default_data_collator, tmp_path)

    assert [(record["loss"], record["grad_norm"]) for record in log] == [(0.0, 0.0)] * 4


def test_trl_drops_rows_in_silence(tmp_path: Path) -> None:
    """TRL keeps half of the rows, and of those half have lost the end of their answer."""
    rows = trainers.sft_trainer(PAIRS, tmp_path, max_length=50).train_dataset

    assert len(rows) == 20
    assert [row["labels"][-1] for row in rows].count(2) == 10


def test_check_finds_it() -> None:
    """Rows cut at max_length: labels-all-masked is reported too, and stands under it."""
    rows = trainers.tokenized_rows()
    faults.cut_rows(rows, 20)
    sample = read_sample(rows, default_data_collator)
    outcome = check_truncation(sample, max_length=20)
    findings = [one for one in fold_symptoms(check_rows(sample, max_length=20)) if one.status == "failed"]

    assert (outcome.status, outcome.slug, outcome.evidence.get("length")) == ("failed", "answers-truncated", 20)
    assert "100% of the rows cut at 20 tokens" in outcome.message
    assert [(one.slug, one.symptoms) for one in findings] == [("answers-truncated", ("labels-all-masked",))]


def test_check_finds_what_the_tokenizer_cut() -> None:
    """Rows tokenized with truncation=True: the fast tokenizer still knows the length, and goes on knowing it."""
    tokenizer = support.tiny_tokenizer()
    ids = [tokenizer("word " * n, truncation=True, max_length=20)["input_ids"] for n in range(9, 20)]
    rows = [{"input_ids": one, "labels": [-100] * len(one)} for one in ids]
    sample = read_sample(rows, default_data_collator, tokenizer=tokenizer)

    assert check_truncation(sample).evidence.get("how") == ["as long as max_length"]
    assert tokenizer._tokenizer.truncation["max_length"] == 20


def test_check_finds_what_the_collator_cut() -> None:
    """The data set's rows have labels, the batch's have none."""

    def collate(rows: list[dict[str, list[int]]]) -> dict[str, list[list[int]]]:
        return {name: [row[name][:20] for row in rows] for name in rows[0]}

    sample = read_sample(trainers.tokenized_rows(), collate)

    assert check_truncation(sample).evidence.get("how") == ["had more before"]


def test_check_finds_rows_piled_up_at_one_length() -> None:
    """Nobody knows the length, but the rows without labels are the longest, all alike, and shorter ones have labels."""
    rows = trainers.tokenized_rows() + trainers.tokenized_rows()[1::2]
    faults.cut_rows(rows, 45)
    sample = read_sample(rows, default_data_collator, count=len(rows))

    assert check_truncation(sample).evidence.get("how") == ["all of the greatest length"]


@pytest.mark.parametrize(
    ("max_length", "rows", "dropped"), [(20, 0, 1.0), (50, 16, 9 / 16)], ids=["nothing left", "half of them left"]
)
def test_check_finds_what_trl_dropped(max_length: int, rows: int, dropped: float, tmp_path: Path) -> None:
    """Rows that no index selects any more still lie in the table, without labels and of that length."""
    trainer = trainers.sft_trainer(PAIRS, tmp_path, max_length=max_length)
    sample = read_sample(trainer.train_dataset, trainer.data_collator, tokenizer=trainer.processing_class)
    outcome = check_truncation(sample, max_length)

    assert (outcome.evidence.get("rows"), outcome.evidence.get("dropped")) == (rows, dropped)
    assert "were dropped for it before training" in outcome.message


def test_check_finds_answers_cut_in_their_midst(tmp_path: Path) -> None:
    """All rows are kept, each with two tokens of its answer: the text beside them is longer."""
    pairs = [{"prompt": "How many cm are in it? ", "completion": f"{n}00</answer>"} for n in range(40)]
    trainer = trainers.sft_trainer(pairs, tmp_path, max_length=25)
    sample = read_sample(trainer.train_dataset, trainer.data_collator, tokenizer=trainer.processing_class)

    assert check_truncation(sample).evidence.get("cut") == 16


def test_healthy_twin_is_left_alone(tmp_path: Path) -> None:
    """A length that fits all rows, in both trainers."""
    trainer = trainers.sft_trainer(PAIRS, tmp_path, max_length=200)
    sample = read_sample(trainer.train_dataset, trainer.data_collator, tokenizer=trainer.processing_class)

    assert check_truncation(sample, 200).status == "passed"
    assert check_truncation(read_sample(trainers.tokenized_rows(), default_data_collator), 50).status == "passed"


def test_masked_rows_are_not_called_cut() -> None:
    """Where nothing tells cut from masked, labels-all-masked stands alone."""
    for rows in (trainers.tokenized_rows(), trainers.tokenized_rows()[:18:2]):  # of two lengths, and of one
        faults.mask_every_label(rows)
        outcomes = check_rows(read_sample(rows, default_data_collator))

        assert [one.slug for one in outcomes if one.status == "failed"] == ["labels-all-masked"]


def test_long_documents_may_be_cut() -> None:
    """Text without a prompt is cut to length as a matter of course; what is left has labels."""
    rows = [{"input_ids": list(range(3, 200)), "labels": list(range(3, 200))} for _ in range(8)]

    def collate(items: list[dict[str, list[int]]]) -> dict[str, list[list[int]]]:
        return {name: [item[name][:50] for item in items] for name in items[0]}

    assert check_truncation(read_sample(rows, collate), 50).status == "passed"
