"""Begin tokens: which they are, and whether a sequence begins with two; asked of training rows and of prompts alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def special_ids(given: int | Iterable[int] | None, tokenizer: Any, name: str) -> frozenset[int]:  # noqa: ANN401 - transformers' tokenizers share no typed base
    """Ids that were given, else what the tokenizer has under ``name``; none where it has none."""
    found = getattr(tokenizer, name, None) if given is None else given
    several = found if isinstance(found, Iterable) else [found]
    return frozenset(number for number in several if isinstance(number, int))


def begins_twice(ids: Sequence[int], begins: Collection[int], start: int = 0) -> bool:
    """Whether the same begin token stands at ``start`` and behind it."""
    head = ids[start : start + 2]
    return len(head) > 1 and head[0] in begins and head[0] == head[1]
