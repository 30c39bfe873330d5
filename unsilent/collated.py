"""One row as a collator made it, laid open: ids, labels at the same places, and which of them are the row's own.

Kept apart because this half handles whatever other people's data sets and collators return, of any type and shape, and
turns it into plain lists that the checks in ``rows.py`` can count on.

Shapes: B rows of a collated batch (1, unless the collator cuts a row into several), T tokens, K trailing positions
where a collator keeps labels there only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .randomness import untouched_settings

IGNORED = -100  # torch's cross entropy leaves labels of this value out


@dataclass(frozen=True)
class Row:
    """One row of a collated batch.

    Attributes:
        index: Its place in the data set.
        batch: What the collator made of it.
        ids: (T,) token ids, padding included.
        labels: (T,) labels, belonging to the ids at the same place; None where the batch has none.
        first: First place whose label is learnt from: 1, because nothing predicts the first token.
        real: (T,) which ids are the row's own, and not padding.
        starts: Where a sequence begins: the first own token, and where positions restart in a packed row.
        whole: The row's own ids before the collator, from its ids or from its text; None where nobody knows.
        before: Labels before the collator, where the data set has them.
    """

    index: int
    batch: Mapping[str, Any]
    ids: list[int]
    labels: list[int] | None
    first: int
    real: list[bool]
    starts: list[int]
    whole: list[int] | None
    before: list[int] | None

    @cached_property
    def length(self) -> int:
        """Tokens that are not padding."""
        return sum(self.real)

    @cached_property
    def supervised(self) -> list[int]:
        """Places whose label is learnt from."""
        labels = self.labels or []
        return [place for place in range(self.first, len(labels)) if labels[place] != IGNORED]

    @cached_property
    def has_prompt(self) -> bool:
        """Whether own tokens before the last label are left out of the labels, beyond the first of each sequence."""
        last = self.supervised[-1] if self.supervised else -1
        masked = (place for place in range(last) if self.labels and self.labels[place] == IGNORED and self.real[place])
        return any(place not in self.starts for place in masked)

    @cached_property
    def is_open(self) -> bool:
        """Whether the row is a prompt and one answer, in whose midst it ends."""
        places = self.supervised
        ends = max((place for place, own in enumerate(self.real) if own), default=-1)
        return self.has_prompt and places == list(range(places[0], ends + 1))


def lay_open(index: int, item: object, batch: Any, tokenizer: Any, *, trust_mask: bool = True) -> list[Row]:  # noqa: ANN401
    """Turn a collated row into plain lists.

    Args:
        index: Its place in the data set.
        item: What the data set gave.
        batch: What the collator made of it.
        tokenizer: Knows the padding token and how long a text is; or None.
        trust_mask: Whether the attention mask of the item tells its own tokens from padding.

    Returns:
        One row, or several where the collator has cut it.

    Raises:
        Exception: Whatever comes of a batch that is no batch of a causal language model.
    """
    if "decoder_input_ids" in batch:
        raise ValueError("an encoder-decoder's labels are not its input's tokens")
    fields: Mapping[str, Any] = item if isinstance(item, Mapping) else {"input_ids": item}
    before = _numbers(fields.get("labels"))
    ids_rows = _matrix(batch["input_ids"])
    columns = {name: _column(batch.get(name), ids_rows) for name in ("attention_mask", "position_ids")}
    labels_rows = _labels(batch, ids_rows)
    rows = []
    for number, ids in enumerate(ids_rows):
        mask, positions = (columns[name][number] for name in ("attention_mask", "position_ids"))
        labels, first = labels_rows[number]
        whole = _whole(fields, item, ids, tokenizer, trust_mask=trust_mask)
        real = _own(ids, mask, whole, tokenizer)
        begin = real.index(True) if True in real else len(ids)
        restarts = [
            place for place in range(begin + 1, len(ids)) if real[place] and positions and positions[place] == 0
        ]
        rows.append(Row(index, batch, ids, labels, first, real, [begin, *restarts], whole, before))
    return rows


def _matrix(value: Any) -> list[list[int]]:  # noqa: ANN401 - tensor, array, list
    """Plain lists of a tensor (B, T) or (T,)."""
    plain = value.tolist() if hasattr(value, "tolist") else list(value)
    rows = plain if plain and hasattr(plain[0], "__len__") else [plain]
    return [[int(number) for number in row] for row in rows]


def _numbers(value: Any) -> list[int] | None:  # noqa: ANN401
    """A field of an item as a plain list of numbers; None where it is something else."""
    try:
        rows = _matrix(value)
    except Exception:  # noqa: BLE001 - text, None, images
        return None
    return rows[0] if len(rows) == 1 else None


def _column(value: Any, ids_rows: list[list[int]]) -> list[list[int] | None]:  # noqa: ANN401
    """A field of the batch row by row; None for those that have not one number a token, such as 4-D masks."""
    try:
        rows = _matrix(value)
    except Exception:  # noqa: BLE001 - absent, or of another kind
        rows = []
    fits = len(rows) == len(ids_rows) and all(len(row) == len(ids) for row, ids in zip(rows, ids_rows, strict=True))
    return list(rows) if fits else [None] * len(ids_rows)


def _labels(batch: Any, ids_rows: list[list[int]]) -> list[tuple[list[int] | None, int]]:  # noqa: ANN401
    """Labels brought to the ids they belong to, and the first place whose label is learnt from."""
    shifted = batch.get("shift_labels")
    value = batch.get("labels") if shifted is None else shifted
    if value is None:
        return [(None, 1)] * len(ids_rows)
    rows = _matrix(value)
    if len(rows) != len(ids_rows):
        raise ValueError("its labels are not one a token")
    found: list[tuple[list[int] | None, int]] = []
    for labels, ids in zip(rows, ids_rows, strict=True):
        missing = len(ids) - len(labels)
        tail = zip(labels, ids[missing:], strict=False)
        foreign = "logits_to_keep" not in batch and any(label not in (IGNORED, number) for label, number in tail)
        if missing < 0 or (missing and foreign):
            raise ValueError("its labels are not one a token")
        if shifted is not None:  # shift_labels[t] is what position t predicts
            labels = [IGNORED, *labels[:-1]]  # noqa: PLW2901
        found.append(([IGNORED] * missing + labels, 0 if missing else 1))
    return found


def masked_tail(item: Any) -> int:  # noqa: ANN401
    """How many tokens at the end of a data set's row its attention mask leaves out."""
    mask = _numbers(item.get("attention_mask")) if isinstance(item, Mapping) else None
    return len(mask) - 1 - max((place for place, own in enumerate(mask) if own), default=-1) if mask else 0


def _whole(
    fields: Mapping[str, Any],
    item: object,
    ids: list[int],
    tokenizer: Any,  # noqa: ANN401
    *,
    trust_mask: bool,
) -> list[int] | None:
    """The row's own ids before the collator and before any truncation: from its text, else from its ids."""
    before = _numbers(fields.get("input_ids"))
    mask = _numbers(fields.get("attention_mask"))
    if before and (mask is None or len(mask) != len(before)):
        before = _without_padding(before, ids, tokenizer)
    elif before and mask and trust_mask:
        before = [number for number, own in zip(before, mask, strict=True) if own]
    text = _tokenized(fields, item, tokenizer)
    known = ids if before is None else before
    common = next((place for place, (one, other) in enumerate(zip(known, text, strict=False)) if one != other), None)
    return text if text and common is None else before


def _without_padding(before: list[int], ids: list[int], tokenizer: Any) -> list[int]:  # noqa: ANN401
    """Take padding off a row that has no mask: two or more padding tokens at its end, or at its head.

    One alone may be its end or its beginning; at the head so may two, unless the collator found nothing to pad.
    """
    pad = getattr(tokenizer, "pad_token_id", before[-1])
    others = [place for place, number in enumerate(before) if number != pad]
    if not others:
        return before
    head, end = others[0], others[-1] + 1
    return before[head if head > 1 and len(ids) == len(before) else 0 : end if len(before) - end > 1 else len(before)]


def _tokenized(fields: Mapping[str, Any], item: object, tokenizer: Any) -> list[int]:  # noqa: ANN401
    """The ids of a row's text, in the columns that TRL reads; empty where there are none."""
    prompt, completion = fields.get("prompt"), fields.get("completion")
    try:
        content = prompt + completion if prompt is not None and completion is not None else None
        content = content or fields.get("messages") or fields.get("text") or item
        if isinstance(content, str):
            with untouched_settings(tokenizer):
                return list(tokenizer(content, verbose=False)["input_ids"])
        if isinstance(content, list) and isinstance(content[0], Mapping):
            with untouched_settings(tokenizer):
                return list(tokenizer.apply_chat_template(content, return_dict=True)["input_ids"])
    except Exception:  # noqa: BLE001, S110 - no tokenizer, or one without a template: nobody knows the text's tokens
        pass
    return []


def _own(ids: list[int], mask: list[int] | None, whole: list[int] | None, tokenizer: Any) -> list[bool]:  # noqa: ANN401
    """Which ids are the row's own.

    What the row was before the collator counts for more than the attention mask, which somebody may have computed as
    ``ids != pad``. Without either, a run of padding tokens at an end is taken for padding.
    """
    size = len(ids)
    if whole and len(whole) >= size and ids in (whole[:size], whole[-size:]):
        return [True] * size
    if whole and len(whole) < size:
        count = len(whole)
        spans = [start for start in (0, size - count) if ids[start : start + count] == whole]
        if spans:
            start = max(spans, key=lambda place: sum(mask[place : place + count]) if mask else 0)
            return [start <= place < start + count for place in range(size)]
    if mask is not None:
        return [bool(number) for number in mask]
    pad = getattr(tokenizer, "pad_token_id", None)
    inner = [place for place, number in enumerate(ids) if number != pad]
    return [bool(inner) and inner[0] <= place <= inner[-1] for place in range(size)]
