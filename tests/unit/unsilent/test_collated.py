"""What collators return, of any shape, becomes lists in which every label stands at its token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import support
import torch

from unsilent import samples
from unsilent.collated import Row, lay_open

TOKENIZER = support.tiny_tokenizer()


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read here, where it is seen; ``test_child.py`` and ``test_guard.py`` fork."""
    monkeypatch.setattr(samples, "in_child", lambda work: work())


def opened(batch: Any, item: object = None, tokenizer: Any = None) -> Row:  # noqa: ANN401
    """The one row of a batch."""
    (row,) = lay_open(0, item, batch, tokenizer)
    return row


@pytest.mark.parametrize(
    "ids",
    [[[3, 4, 5]], [3, 4, 5], torch.tensor([[3, 4, 5]]), torch.tensor([3, 4, 5]), np.array([[3, 4, 5]])],
    ids=["nested", "flat", "tensor", "flat tensor", "array"],
)
def test_ids_of_any_type(ids: Any) -> None:  # noqa: ANN401
    """Lists, tensors and arrays, with the batch's dimension or without."""
    row = opened({"input_ids": ids, "labels": ids})

    assert (row.ids, row.labels, row.supervised, row.length) == ([3, 4, 5], [3, 4, 5], [1, 2], 3)


def test_several_rows_of_one() -> None:
    """A collator that cuts a row into several gives several."""
    rows = lay_open(7, None, {"input_ids": [[3, 4], [5, 6]], "attention_mask": [[1, 1], [1, 0]]}, None)

    assert [(row.index, row.ids, row.length) for row in rows] == [(7, [3, 4], 2), (7, [5, 6], 1)]


def test_one_label_a_row_is_another_task() -> None:
    """Classes of whole rows are no labels of tokens."""
    with pytest.raises(ValueError, match="its labels are not one a token"):
        lay_open(0, None, {"input_ids": [[3, 4], [5, 6]], "labels": [0, 1]}, None)


def test_last_labels_belong_to_the_end() -> None:
    """With logits_to_keep; the first of them counts."""
    row = opened({"input_ids": [[3, 4, 5, 6]], "labels": [[5, 6]], "logits_to_keep": [2, 3]})

    assert (row.labels, row.supervised) == ([-100, -100, 5, 6], [2, 3])


def test_shifted_labels_are_moved_back() -> None:
    """shift_labels[t] is what position t predicts."""
    assert opened({"input_ids": [[3, 4, 5]], "shift_labels": [[4, 5, -100]]}).labels == [-100, 4, 5]


@pytest.mark.parametrize(
    ("item", "batch", "real"),
    [
        ({"input_ids": [3, 4]}, {"input_ids": [[3, 4, 2, 2]]}, [True, True, False, False]),
        ({"input_ids": [3, 2]}, {"input_ids": [[2, 2, 3, 2]], "attention_mask": [[0, 0, 1, 0]]},
         [False, False, True, True]),
        ({"input_ids": [2]}, {"input_ids": [[2, 2]], "attention_mask": [[0, 1]]}, [False, True]),
        ({"input_ids": [3, 4, 5]}, {"input_ids": [[3, 4]], "attention_mask": [[1, 0]]}, [True, True]),
        ({"input_ids": [9, 9]}, {"input_ids": [[3, 4, 2]], "attention_mask": [[1, 1, 0]]}, [True, True, False]),
        ({"input_ids": [3, 2, 2], "attention_mask": [1, 1, 0]}, {"input_ids": [[3, 2, 2]]}, [True, True, False]),
        ({"text": "a"}, {"input_ids": [[67, 2, 2]]}, [True, False, False]),
        ({"text": "b"}, {"input_ids": [[67, 2, 2]]}, [True, False, False]),
        ({}, {"input_ids": [[2, 2]]}, [False, False]),
        ("a<|im_end|>", {"input_ids": [[67, 2, 2]], "attention_mask": [[1, 0, 0]]}, [True, True, False]),
        ({}, {"input_ids": [[3, 4]], "attention_mask": [[[[1, 0], [1, 1]]]]}, [True, True]),
    ],
    ids=["by the row", "padded on the left, wrong mask", "ambiguous", "cut", "other ids", "padded before",
         "by the text", "another text", "padding alone", "text itself", "4-D mask"],
)  # fmt: skip
def test_own_tokens_are_told_from_padding(item: object, batch: Any, real: list[bool]) -> None:  # noqa: ANN401
    """The row before the collator counts for more than the mask, and the mask for more than the ids."""
    assert opened(batch, item, TOKENIZER).real == real


@pytest.mark.parametrize(
    "item",
    [
        {"prompt": "a", "completion": "bc"},
        {"prompt": [{"role": "user", "content": "x"}], "completion": [{"role": "assistant", "content": "y"}]},
        {"messages": [{"role": "user", "content": "x"}]},
    ],
    ids=["text", "turns", "messages"],
)
def test_text_tells_how_long_a_row_was(item: dict[str, Any]) -> None:
    """In each of TRL's kinds of rows, where what is left is its beginning."""
    head = 67 if item.get("prompt") == "a" else 1
    row = opened({"input_ids": [[head]]}, {"input_ids": [head], **item}, TOKENIZER)

    assert len(row.whole or []) > 2


def test_sequences_of_a_packed_row() -> None:
    """Positions that restart begin another sequence; so does the first own token."""
    row = opened({"input_ids": [[3, 4, 5, 6]], "position_ids": [[0, 1, 0, 1]], "labels": [[-100, 4, -100, 6]]})

    assert (row.starts, row.has_prompt) == ([0, 2], False)


@pytest.mark.parametrize(
    ("labels", "prompt", "opens"),
    [
        ([-100, -100, 5, 6], True, True),
        ([3, 4, 5, 6], False, False),
        ([-100, -100, 5, -100], True, False),
        ([-100] * 4, False, False),
    ],
    ids=["cut in the answer", "text", "after the answer", "masked"],
)
def test_prompts_and_open_ends(labels: list[int], prompt: bool, opens: bool) -> None:  # noqa: FBT001 - parameters
    """A prompt is own tokens without labels before an answer; an open end is an answer that goes on."""
    row = opened({"input_ids": [[3, 4, 5, 6]], "labels": [labels]})

    assert (row.has_prompt, row.is_open) == (prompt, opens)


def test_text_without_a_tokenizer_tells_nothing() -> None:
    """Nobody knows the tokens of a text then."""
    assert opened({"input_ids": [[3, 4]]}, {"text": "ab"}).whole is None
