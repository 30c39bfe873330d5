"""Of what rows and batches a training run is made, in a length and two short hashes: part of ``run_identity``.

A module of its own because it reads somebody's data set and calls somebody's collator, which may do anything: draw,
count, fail, or take its time. They are asked in a process of their own, twice from different seeds, for a few rows,
evenly spread; what is not the same both times is left out.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import random
from typing import TYPE_CHECKING, Any

from .child import in_child
from .randomness import untouched_randomness
from .samples import Sample, read_sample, tokenizer_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 16  # of the data set: as many as the checks of labels read
LARGE = 100_000  # bytes of an array, hashed as they are: sixteen images in words are 50 MB and seconds


def look_at_rows(
    dataset: Any,  # noqa: ANN401
    collate: Callable[[list[Any]], Any],
    tokenizer: Any = None,  # noqa: ANN401
) -> tuple[Sample, dict[str, object]]:
    """Read a sample of the rows and describe them, in one process for both: forking a large one takes its time.

    Returns:
        What ``read_sample`` and ``describe_rows`` return.
    """

    def look() -> tuple[Sample, dict[str, object]]:
        sample = read_sample(dataset, collate, tokenizer=tokenizer)
        return dataclasses.replace(sample, tokenizer=None), describe_rows(dataset, collate)

    seen = in_child(look)
    if isinstance(seen, str):  # rows that cannot travel can be described all the same
        seen = Sample(reason=seen), describe_rows(dataset, collate)
    sample, described = seen
    return dataclasses.replace(sample, tokenizer=tokenizer_of(collate, tokenizer)), described


def describe_rows(dataset: Any, collate: Callable[[list[Any]], Any] | None = None) -> dict[str, object]:  # noqa: ANN401
    """Describe a data set by its length and hashes of a few rows, alone and collated, as far as they can be had.

    Args:
        dataset: Rows that can be read by index; of anything else nothing is said.
        collate: What makes a batch of rows.
    """
    try:
        length = len(dataset)
    except Exception:  # noqa: BLE001 - anybody's data set; a stream has none
        return {}
    hashed = in_child(lambda: _hash_rows(dataset, length, collate))
    known = zip(("rows_hash", "collated"), hashed, strict=True) if isinstance(hashed, tuple) else ()
    return {"rows": length} | {name: value for name, value in known if value}


def _hash_rows(dataset: Any, length: int, collate: Callable[[list[Any]], Any] | None) -> tuple[str, str]:  # noqa: ANN401
    """Hash rows, and the batch of them, twice from different seeds: what is drawn anew each time says nothing."""
    import torch  # noqa: PLC0415

    places = sorted({place * (length - 1) // max(ROWS - 1, 1) for place in range(ROWS)}) if length else []
    found = []
    with untouched_randomness(dataset, collate):
        for seed in (1, 2):
            random.seed(seed)
            torch.manual_seed(seed)
            try:
                rows = [dataset[place] for place in places]
            except Exception:  # noqa: BLE001 - somebody's data set
                return "", ""
            found.append((_hash(rows), _hash(rows, collate) if collate else ""))
    (rows_hash, collated), second = found
    return rows_hash if rows_hash == second[0] else "", collated if collated == second[1] else ""


def _hash(rows: list[Any], collate: Callable[[list[Any]], Any] | None = None) -> str:
    """Of rows, or of the batch of them; empty where nothing can be made of them, or nobody knows what they hold."""
    try:
        text = json.dumps(_values(_unpadded(collate(copy.deepcopy(rows))) if collate else rows))
    except Exception:  # noqa: BLE001 - somebody's rows and collator
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unpadded(batch: Any) -> Any:  # noqa: ANN401
    """A batch without what its attention mask hides: how far rows are padded, and on which side, changes nothing."""
    mask = batch.get("attention_mask") if hasattr(batch, "get") else None
    if mask is None:
        return batch
    seen = mask.bool()
    return {name: one[seen] if getattr(one, "shape", None) == seen.shape else one for name, one in batch.items()}


def _values(item: Any) -> object:  # noqa: ANN401
    """A row in plain values.

    Raises:
        TypeError: It holds something whose content is not known.
    """
    if item is None or isinstance(item, str | int | float):
        return item
    if getattr(item, "nbytes", 0) > LARGE:
        import numpy as np  # noqa: PLC0415

        return hashlib.sha256(np.asarray(item).tobytes()).hexdigest()
    if hasattr(item, "tolist"):
        return item.tolist()
    if isinstance(item, list | tuple):
        return [_values(inner) for inner in item]
    if hasattr(item, "items"):
        return {str(name): _values(inner) for name, inner in sorted(item.items())}
    raise TypeError(f"{type(item).__name__} is no plain value")


def name_of(collate: Any) -> str:  # noqa: ANN401
    """Of a function, or of the class of an object that is called; what Trainer wraps around it is left out."""
    inner = getattr(collate, "data_collator", collate)
    return str(getattr(inner, "__qualname__", None) or type(inner).__qualname__)
