"""Special tokens are read from whatever a tokenizer calls them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from unsilent.begin_tokens import begins_twice, special_ids


@pytest.mark.parametrize(
    ("given", "own", "expected"),
    [
        (None, 1, {1}),
        (None, [1, 2, None], {1, 2}),
        (None, None, set()),
        (3, 1, {3}),
        ([3, 4], 1, {3, 4}),
        (None, 1.5, set()),
    ],
)
def test_ids_are_given_or_the_tokenizers(given: int | None, own: object, expected: set[int]) -> None:
    """One, several or none; what is given counts."""
    assert special_ids(given, SimpleNamespace(bos_token_id=own), "bos_token_id") == expected


def test_no_tokenizer_has_no_ids() -> None:
    """None has no begin token."""
    assert special_ids(None, None, "bos_token_id") == frozenset()


@pytest.mark.parametrize(
    ("ids", "start", "expected"),
    [
        ([1, 1, 5], 0, True),
        ([1, 5, 1], 0, False),
        ([5, 5], 0, False),
        ([1], 0, False),
        ([], 0, False),
        ([9, 1, 1], 1, True),
        ([1, 2], 0, False),
    ],
)
def test_beginning_twice_is_the_same_token_twice(ids: list[int], start: int, expected: bool) -> None:  # noqa: FBT001 - a table
    """At the place that is asked for, and only with begin tokens."""
    assert begins_twice(ids, {1, 2}, start) is expected
