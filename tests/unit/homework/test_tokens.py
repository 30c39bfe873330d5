"""Training rows keep every label, and their prompt is the inference prompt."""

from __future__ import annotations

import math
import random
from pathlib import Path

import faults
import support
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from homework import sft, tokens
from homework.data import Dataset
from homework.decoding import left_pad

ROWS = st.lists(
    st.tuples(st.lists(st.integers(3, 200), min_size=1, max_size=12), st.lists(st.integers(3, 200), max_size=6)),
    min_size=1,
    max_size=5,
)


def items_of(rows: list[tuple[list[int], list[int]]]) -> list[tokens.Tokens]:
    """Rows of prompt and completion tokens, as ``tokenize`` makes them."""
    return [
        {
            "input_ids": [*prompt, *completion, 2],
            "attention_mask": [1] * (len(prompt) + len(completion) + 1),
            "labels": [-100] * len(prompt) + [*completion, 2],
        }
        for prompt, completion in rows
    ]


def test_tokenize_masks_the_prompt_and_teaches_the_end() -> None:
    """Labels are the completion and end-of-text, nothing else."""
    tokenizer = support.tiny_tokenizer()
    item = tokens.tokenize(tokenizer, "How? <answer>", "5</answer>")
    learnt = [label for label in item["labels"] if label != -100]

    assert tokenizer.decode(learnt) == "5</answer><|im_end|>"
    assert tokenizer.decode(item["input_ids"]) == "How? <answer>5</answer><|im_end|>"
    assert len(item["input_ids"]) == len(item["labels"]) == len(item["attention_mask"])


def test_training_prompt_is_the_inference_prompt(small_data: Path) -> None:
    """Token by token, the masked part of a training row is the prompt that is used to answer."""
    tokenizer = support.tiny_tokenizer()
    question, answer = Dataset("train")[0]
    item = sft.tokenize(tokenizer, **sft.format_example(str(question), float(answer)))
    prompt = tokenizer(sft.format_prompt(str(question)))["input_ids"]

    assert item["input_ids"][: len(prompt)] == prompt
    assert item["labels"][: len(prompt)] == [-100] * len(prompt)


@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_collator_keeps_every_label_and_the_loss(rows: list[tuple[list[int], list[int]]]) -> None:
    """The loss from trailing logits is the loss of the plain path, for any rows."""
    items = items_of(rows)
    batch = tokens.Collator(2)(items)
    model = support.tiny_model()
    labels, _ = left_pad([item["labels"] for item in items], -100)

    with torch.no_grad():
        fast = model(**batch).loss
        plain = model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
            position_ids=batch["position_ids"], labels=labels,
        ).loss  # fmt: skip
    assert (batch["labels"] != -100).sum() == (labels != -100).sum()
    assert torch.allclose(fast, plain, atol=1e-5)


def test_collator_survives_a_row_without_labels() -> None:
    """A fully masked row beside a healthy one changes nothing; [labels-all-masked] stays visible as NaN."""
    items = items_of([([3, 4], [5])]) + items_of([([3], [4])])
    faults.mask_every_label(items[:1])
    both, none = tokens.Collator(2)(items), tokens.Collator(2)(items[:1])

    assert (both["labels"] != -100).sum() == 2
    assert none["labels"].shape == (1, 1)
    assert math.isnan(support.tiny_model()(**none).loss.item())


def test_grouping_keeps_rows_and_lengths_together() -> None:
    """Every row stays in its pass, and no group of four mixes lengths more than neighbours in a sorted list do."""
    rows = [([7] * (1 + number % 13), [number % 200 + 3]) for number in range(103)]
    dataset = tokens.TokenizedDataset(support.tiny_tokenizer(), [], sft.format_example)
    dataset.items = items_of(rows) * 2
    before = sorted(str(item) for item in dataset.items[:103])
    dataset.group_by_length(2, 4, random.Random(1))
    lengths = [len(item["input_ids"]) for item in dataset.items]

    assert sorted(str(item) for item in dataset.items[:103]) == before
    assert sorted(str(item) for item in dataset.items[103:]) == before
    assert max(max(lengths[i : i + 4]) - min(lengths[i : i + 4]) for i in range(0, 100, 4)) <= 1
    assert lengths[:100:4] != sorted(lengths[:100:4])


def test_grouping_is_seeded() -> None:
    """The same seed gives the same order, another seed another."""

    def order(seed: int) -> str:
        dataset = tokens.TokenizedDataset(support.tiny_tokenizer(), [], sft.format_example)
        dataset.items = items_of([([7] * (number % 5 + 1), [number + 3]) for number in range(40)])
        dataset.group_by_length(1, 4, random.Random(seed))
        return str(dataset.items)

    assert order(1) == order(1) != order(2)
