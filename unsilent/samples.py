"""A few training rows, read from the data set and passed through the collator, as the model will get them.

Nothing is consumed and nothing changed: rows are read by index, never through a data loader, and every random state is
put back. What the collator returns is laid open in ``collated.py`` and judged in ``rows.py``.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .child import in_child
from .collated import Row, lay_open, masked_tail
from .randomness import untouched_randomness, untouched_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COUNT = 16  # rows read; enough to tell most from few, and read in milliseconds


@dataclass(frozen=True)
class Sample:
    """Rows spread evenly over a data set.

    Attributes:
        rows: Those that training will see.
        dropped: Those of the table behind a filtered ``datasets.Dataset`` that no index selects any more: TRL drops
            rows that truncation has left without a label, and says nothing. Empty for any other data set.
        looked_at: Rows of that table that were looked at, kept or dropped, spread evenly.
        reason: Why there are no rows, or none to be judged; empty where there are.
        tokenizer: As it was given, or the collator's own.
        max_lengths: Lengths that the tokenizer or the collator is set to cut at.
    """

    rows: tuple[Row, ...] = ()
    dropped: tuple[Row, ...] = ()
    looked_at: int = 0
    reason: str = ""
    tokenizer: Any = None
    max_lengths: frozenset[int] = frozenset()

    def labelled(self) -> tuple[list[Row], str]:
        """Rows with labels; without any, the reason."""
        rows = [row for row in self.rows if row.labels is not None]
        return rows, "" if rows else self.reason or "the collated rows have no labels"


def read_sample(
    dataset: Any,  # noqa: ANN401 - list, torch or datasets.Dataset, or what else somebody has
    collate: Callable[[list[Any]], Any],
    *,
    tokenizer: Any = None,  # noqa: ANN401 - transformers' tokenizers share no typed base
    count: int = COUNT,
) -> Sample:
    """Read rows, evenly spread, and collate each alone.

    Args:
        dataset: Anything with a length and an index.
        collate: The collator that training will use.
        tokenizer: Its tokenizer or processor, where there is one: knows the special tokens, and how long a text is.
        count: Rows to read at most.

    Returns:
        The rows. They are read in a process of their own, so that counters, generators, files and whatever else data
        set and collator hold are what they were; where processes cannot be forked, random states and the tokenizer's
        settings are put back. Nothing is raised: rows that cannot be read are left out, and without any row a reason
        is given.
    """
    tokenizer = tokenizer_of(collate, tokenizer)
    sample = in_child(lambda: _read_sample(dataset, collate, tokenizer, count))
    if isinstance(sample, str):
        return Sample(reason=sample, tokenizer=tokenizer)
    return dataclasses.replace(sample, tokenizer=tokenizer)


def tokenizer_of(collate: Any, tokenizer: Any = None) -> Any:  # noqa: ANN401
    """The tokenizer as it was given, that inside of a processor, or the collator's own; None without any."""
    collator = getattr(collate, "data_collator", collate)  # inside Trainer's wrapper
    tokenizer = tokenizer or getattr(collator, "tokenizer", None)
    return getattr(tokenizer, "tokenizer", tokenizer)


def _read_sample(dataset: Any, collate: Callable[[list[Any]], Any], tokenizer: Any, count: int) -> Sample:  # noqa: ANN401
    """Read the rows here; the sample goes without its tokenizer, which need not travel."""
    collator = getattr(collate, "data_collator", collate)
    with untouched_randomness(dataset, collate), untouched_settings(tokenizer):
        cut = _lengths(tokenizer, collator)
        try:
            length = len(dataset)
        except Exception as error:  # noqa: BLE001 - anybody's data set may raise anything
            return Sample(reason=f"the data set has no length ({type(error).__name__}): it cannot be read by index")
        rows, complaints = _read(dataset, _spread(length, count), collate, tokenizer)
        table, gone, looked_at = _dropped(dataset, length, count)
        dropped, _ = _read(table, gone, collate, tokenizer)
        reason = "" if rows else (complaints or ["the data set is empty"])[0]
        lengths = cut | _lengths(tokenizer, collator)
        return Sample(tuple(rows), tuple(dropped), looked_at, reason, None, lengths)


def _spread(length: int, count: int) -> list[int]:
    """Up to ``count`` indices, first and last among them, at even distances."""
    if length <= count:
        return list(range(length))
    return [place * (length - 1) // max(count - 1, 1) for place in range(count)]


def _read(
    dataset: Any,  # noqa: ANN401
    indices: Sequence[int],
    collate: Callable[[list[Any]], Any],
    tokenizer: Any,  # noqa: ANN401
) -> tuple[list[Row], list[str]]:
    """Read and collate rows; of those that cannot be, the reasons."""
    rows: list[Row] = []
    complaints = []
    read = []
    for index in indices:
        try:
            item = dataset[index]
            read.append((index, item, collate([_copied(item)]), masked_tail(item)))
        except Exception as error:  # noqa: BLE001 - anybody's data set and collator may raise anything
            complaints.append(f"row {index} cannot be read and collated ({type(error).__name__}: {error})")
    # padding leaves the longest row alone; a mask that hides one token of every row is ids != pad
    trust_mask = len(read) == 1 or {tail for *_, tail in read} != {1}
    for index, item, batch, _ in read:
        try:
            rows += lay_open(index, item, batch, tokenizer, trust_mask=trust_mask)
        except Exception as error:  # noqa: BLE001 - what a collator returns may be anything
            complaints.append(f"row {index} cannot be read and collated ({type(error).__name__}: {error})")
    return rows, complaints


def _copied(item: Any) -> Any:  # noqa: ANN401
    """A collator may change what it is given, which may be the data set's own."""
    try:
        return copy.deepcopy(item)
    except Exception:  # noqa: BLE001 - what cannot be copied is passed on, as training will pass it
        return item


def _dropped(dataset: Any, length: int, count: int) -> tuple[Any, list[int], int]:  # noqa: ANN401
    """The table behind a filtered ``datasets.Dataset``, which of its rows to read, and how many were looked at."""
    try:
        total, chosen = dataset._data.num_rows, dataset._indices  # noqa: SLF001 - there is no public way
        if chosen is None or total <= length:
            return None, [], 0
        table = copy.copy(dataset)
        table._indices = None  # noqa: SLF001
        kept = set(chosen.column(0).to_pylist())
    except Exception:  # noqa: BLE001 - not a datasets.Dataset, or one of another version
        return None, [], 0
    indices = _spread(total, count)
    return table, [index for index in indices if index not in kept], len(indices)


def _lengths(tokenizer: Any, collator: object) -> frozenset[int]:  # noqa: ANN401
    """Lengths that rows are cut at, as far as the fast tokenizer and the collator show it."""
    settings = getattr(getattr(tokenizer, "_tokenizer", None), "truncation", None)
    found = [settings.get("max_length") if isinstance(settings, dict) else None, getattr(collator, "max_length", None)]
    return frozenset(number for number in found if isinstance(number, int))
