"""The token that ends an answer is a label, so that generation learns to stop.

Where padding and end-of-text are one token, as in SmolLM2, masking the padding by its id masks the end as well: the
model answers well and never stops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
import trainers
from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq, default_data_collator

from homework.tokens import Collator
from unsilent.rows import check_eos, read_sample

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("eos-never-learnt"),
    pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning"),  # TRL's default
]

TOKENIZER = support.tiny_tokenizer()
PAD = int(TOKENIZER.pad_token_id)
RIGHT = DataCollatorForSeq2Seq(TOKENIZER, padding=True)
FAULTY = {
    "transformers' language modeling": DataCollatorForLanguageModeling(TOKENIZER, mlm=False),
    "masked by id": faults.mask_padding_by_id(RIGHT, PAD),
    "masked by id, padded on the left": faults.mask_padding_by_id(Collator(PAD), PAD),
}


def short_rows(*, with_labels: bool = True) -> list[dict[str, list[int]]]:
    """Two rows that a tiny model knows by heart in a second."""
    rows = [TOKENIZER(text)["input_ids"] + [PAD] for text in ("1m=100", "2m=200")]
    masks = [{"attention_mask": [1] * len(ids)} for ids in rows]
    return [
        {"input_ids": ids} | mask | ({"labels": ids} if with_labels else {})
        for ids, mask in zip(rows, masks, strict=True)
    ]


def tokens_after_training(collate: Any, folder: Path, *, with_labels: bool) -> list[int]:  # noqa: ANN401
    """How many tokens a model that knows the rows by heart writes after each prompt, of at most 20."""
    model = support.tiny_model()
    trainers.train_plainly(model, short_rows(with_labels=with_labels), collate, folder, max_steps=60)
    model.eval()
    counts = []
    for prompt in ("1m=", "2m="):
        ids = torch.tensor([TOKENIZER(prompt)["input_ids"]])
        written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False)
        counts.append(written.shape[1] - ids.shape[1])
    return counts


@pytest.mark.parametrize("name", ["transformers' language modeling", "masked by id"])
def test_fault_is_real(name: str, tmp_path: Path) -> None:
    """A model that has learnt the answers goes on until max_new_tokens."""
    labels = name == "masked by id"

    assert tokens_after_training(FAULTY[name], tmp_path, with_labels=labels) == [20, 20]


def test_healthy_twin_stops(tmp_path: Path) -> None:
    """The same rows through a collator that masks by position: three digits and the end."""
    assert tokens_after_training(RIGHT, tmp_path, with_labels=True) == [4, 4]


@pytest.mark.parametrize("collate", FAULTY.values(), ids=FAULTY.keys())
def test_check_finds_it(collate: Any) -> None:  # noqa: ANN401
    """The finding counts the rows and names the token."""
    outcome = check_eos(read_sample(trainers.tokenized_rows(10), collate, tokenizer=TOKENIZER))

    assert (outcome.status, outcome.slug) == ("failed", "eos-never-learnt")
    assert "masked from the labels in 10 of 10 sampled rows and learnt in none" in outcome.message
    assert (outcome.evidence.get("masked"), outcome.evidence.get("eos")) == (10, [2])


def test_check_finds_a_mask_computed_from_ids() -> None:
    """The attention mask is ids != pad: the end looks like padding, but the data set's row has it."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids = RIGHT([{"input_ids": row["input_ids"], "labels": row["labels"]} for row in rows])["input_ids"]
        return {"input_ids": ids, "attention_mask": ids.ne(PAD).long(), "labels": ids.masked_fill(ids == PAD, -100)}

    assert check_eos(read_sample(trainers.tokenized_rows(), collate), eos=PAD).evidence.get("masked") == 16


def test_check_finds_such_a_mask_in_the_data_set() -> None:
    """The rows' own mask hides the last token of each: no padding does that, it spares the longest."""
    rows = [
        row | {"attention_mask": [int(one != PAD) for one in row["input_ids"]], "labels": [*row["labels"][:-1], -100]}
        for row in trainers.tokenized_rows()
    ]

    assert check_eos(read_sample(rows, RIGHT, tokenizer=TOKENIZER)).evidence.get("masked") == 16


def test_check_finds_turns_without_their_end() -> None:
    """A mask of the assistant's words that leaves out the token which ends its turn."""
    rows = [{"input_ids": [1, 9, 9, 2, 1, 8, n, 2, 7], "labels": [*[-100] * 5, 8, n, -100, 7]} for n in range(10, 20)]

    assert check_eos(read_sample(rows, RIGHT), eos=2).evidence.get("masked") == 10


def test_check_finds_ends_that_were_cut_off(tmp_path: Path) -> None:
    """Each row keeps most of its answer, and loses the end alone."""
    pairs = [{"prompt": "How many? ", "completion": f"{n}00000000"} for n in range(10, 40)]
    trainer = trainers.sft_trainer(pairs, tmp_path, max_length=18)
    outcome = check_eos(read_sample(trainer.train_dataset, trainer.data_collator, tokenizer=trainer.processing_class))

    assert (outcome.evidence.get("masked"), outcome.evidence.get("cut")) == (0, 16)
    assert "got it cut off in 16 of 16" in outcome.message


@pytest.mark.parametrize("collate", [RIGHT, Collator(PAD)], ids=["transformers'", "homework's"])
def test_healthy_twin_is_left_alone(collate: Any) -> None:  # noqa: ANN401
    """Padding equals end-of-text, and the end is a label."""
    assert check_eos(read_sample(trainers.tokenized_rows(), collate, tokenizer=TOKENIZER)).status == "passed"


def test_one_row_that_learns_the_end_is_enough() -> None:
    """Ends that are masked in the others may be meant: the model can learn to stop."""
    rows = [{"input_ids": [1, 9, n, 2], "labels": [-100, 9, n, -100]} for n in range(10, 20)]
    rows[4]["labels"] = rows[4]["input_ids"]

    assert check_eos(read_sample(rows, RIGHT), eos=2).status == "passed"


def test_rows_without_an_end_are_not_condemned() -> None:
    """Where rows hold no end-of-text at all the check says so, and passes: it may be meant."""
    rows = [{"input_ids": row["input_ids"][:-1]} for row in trainers.tokenized_rows()]
    collate = DataCollatorForLanguageModeling(TOKENIZER, mlm=False, pad_to_multiple_of=64)
    outcome = check_eos(read_sample(rows, collate, tokenizer=TOKENIZER))

    assert (outcome.status, outcome.message) == ("passed", "no end-of-text token ends an answer in 16 sampled rows")


@pytest.mark.parametrize("known", [True, False], ids=["with a tokenizer", "without"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("mask", [True, False], ids=["mask", "no mask"])
def test_rows_padded_before_are_not_condemned(mask: bool, side: str, known: bool) -> None:  # noqa: FBT001 - parameters
    """No end-of-text, and padding with it that the data set has added already."""
    rows = []
    for row in trainers.tokenized_rows():
        ids = row["input_ids"][:-1]
        more = 64 - len(ids)
        padded = {"input_ids": [PAD] * more + ids, "labels": [-100] * more + ids}
        padded["attention_mask"] = [0] * more + [1] * len(ids)
        one = {name: values if side == "left" else values[more:] + values[:more] for name, values in padded.items()}
        rows.append({name: one[name] for name in one if mask or name != "attention_mask"})
    sample = read_sample(rows, default_data_collator, tokenizer=TOKENIZER if known else None)
    outcome = check_eos(sample, eos=PAD)

    assert (outcome.status, outcome.message[:20]) == ("passed", "no end-of-text token")
