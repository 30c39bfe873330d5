"""Rows as the model sees them: tokens, labels, batches.

Kept apart from the training loop because two promises are made here that the loop relies on: the training prompt is
the inference prompt, token by token, and no label is ever lost to padding, truncation or a mask.

Shapes: B rows, T tokens, K trailing positions that hold every label of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset as TorchDataset

from .decoding import left_pad
from .errors import RowsUnusable

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from .data import Dataset, Row

IGNORED = -100  # torch's cross entropy leaves labels of this value out

Tokens = dict[str, list[int]]


def tokenize(tokenizer: Any, question: str, answer: str) -> Tokens:  # noqa: ANN401 - transformers' tokenizers share no typed base
    """Turn a prompt and its completion into one training row, unpadded.

    Prompt and completion are tokenized apart: the prompt's tokens are those of inference by construction. The row ends
    with end-of-text, which is a label, so that the model learns to stop.

    Returns:
        ``input_ids``, ``attention_mask`` and ``labels``, each (T,); labels are -100 on the prompt.
    """
    prompt = list(tokenizer(question)["input_ids"])
    completion = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    ids = prompt + completion
    return {
        "input_ids": ids,
        "attention_mask": [1] * len(ids),
        "labels": [IGNORED] * len(prompt) + completion,
    }


class TokenizedDataset(TorchDataset[Tokens]):
    """Rows as the model sees them, tokenized once."""

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401
        data: Dataset | Sequence[Row],
        format_fn: Callable[..., dict[str, str]],
        max_length: int = 0,
    ) -> None:
        """Format and tokenize every row of ``data``.

        Args:
            tokenizer: Of the model that will be trained.
            data: Rows; each is passed to ``format_fn`` as it is.
            format_fn: Turns a row into ``{"question": prompt, "answer": completion}``.
            max_length: Longest row allowed in tokens; 0 allows any.

        Raises:
            RowsUnusable: A row beyond ``max_length``; cutting it would lose its labels without a word.
        """
        self.items: list[Tokens] = []
        for index in range(len(data)):
            item = tokenize(tokenizer, **format_fn(*data[index]))
            if max_length and len(item["input_ids"]) > max_length:
                raise RowsUnusable(
                    expected=f"rows of at most {max_length} tokens",
                    got=f"one of {len(item['input_ids'])}: {str(data[index][0])[:60]!r}",
                    where=f"row {index} of the training rows",
                    action="raise --max_length or shorten the row",
                )
            self.items.append(item)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.items)

    def __getitem__(self, index: int) -> Tokens:
        """Row ``index``."""
        return self.items[index]

    def group_by_length(self, passes: int, size: int, rng: random.Random) -> None:
        """Reorder the rows, pass by pass, so that each group of ``size`` holds rows of nearly one length.

        The groups themselves are shuffled. Trainer's own grouping sorts whole optimizer steps by length, and since
        length goes with wording, a step then sees one wording only: the loss jumped between 0.9 and 1.8.

        Args:
            passes: Equal parts that are shuffled apart, so that every row comes once before any comes again.
            size: Rows of a group.
            rng: Source of all randomness.
        """
        part = len(self.items) // passes
        ordered: list[Tokens] = []
        for start in range(0, len(self.items), part):
            rows = self.items[start : start + part]
            rng.shuffle(rows)
            rows.sort(key=lambda item: len(item["input_ids"]))
            groups = [rows[first : first + size] for first in range(0, len(rows), size)]
            if len(groups[-1]) == size:
                rng.shuffle(groups)
            else:  # the short last group stays last, or every later group would straddle two lengths
                groups = [*rng.sample(groups[:-1], len(groups) - 1), groups[-1]]
            ordered += [item for group in groups for item in group]
        self.items = ordered

    def supervised_tokens(self) -> int:
        """Labels that are learnt from, over all rows."""
        return sum(label != IGNORED for item in self.items for label in item["labels"])


class Collator:
    """Pads rows on the left and keeps the labels' end of the batch, where every label is.

    With all labels in the last K positions, logits at those positions give the full loss:
    ``model(input_ids, labels=labels[:, -K:], logits_to_keep=...)``. The positions are passed as indices, because a
    slice is a view, and the output projection then copies its weight once for each row (1.3 s of a 2.6 s step of the
    135M).
    """

    def __init__(self, pad: int) -> None:
        """Remember the padding token."""
        self.pad = pad

    def __call__(self, rows: Sequence[Tokens]) -> dict[str, torch.Tensor]:
        """Build one batch.

        Returns:
            ``input_ids``, ``attention_mask``, ``position_ids`` (B, T), ``labels`` (B, K), ``logits_to_keep`` (K,).
        """
        ids, mask = left_pad([row["input_ids"] for row in rows], self.pad)
        labels, _ = left_pad([row["labels"] for row in rows], IGNORED)
        # One more than the longest completion: the token before it predicts its first token.
        keep = min(ids.shape[1], 1 + max(_completion_length(row["labels"]) for row in rows))
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
            "labels": labels[:, -keep:],
            "logits_to_keep": torch.arange(ids.shape[1] - keep, ids.shape[1]),
        }


def _completion_length(labels: Sequence[int]) -> int:
    """Tokens from the first label to the end of the row."""
    first = next((index for index, label in enumerate(labels) if label != IGNORED), len(labels))
    return len(labels) - first
