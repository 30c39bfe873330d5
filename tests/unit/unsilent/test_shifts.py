"""A few places that agree by chance are no shift; labels that are another task's are none either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import default_data_collator

from unsilent import samples
from unsilent.samples import read_sample
from unsilent.shifts import check_shift


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read here, where it is seen; ``test_child.py`` and ``test_guard.py`` fork."""
    monkeypatch.setattr(samples, "in_child", lambda work: work())


@pytest.mark.parametrize(
    ("ids", "labels", "status"),
    [
        ([3, 4, 5, 6, 7, 8], [4, 5, 6, 7, 8, -100], "failed"),
        ([3, 4, 5, 6, 7, 8], [4, 5, 6, 7, 8, 2], "failed"),
        ([3, 4, 5, 6, 7, 8], [5, 6, 7, 8, -100, -100], "failed"),
        ([3, 4, 5], [4, 5, -100], "passed"),
        ([3, 4, 5, 6, 7, 8], [0, 1, 0, 0, 1, 0], "passed"),
        ([3, 4, 5, 6, 7, 8], [-100] * 6, "passed"),
    ],
    ids=["shifted", "shifted, with an end", "shifted twice", "too few places", "classes of tokens", "masked"],
)
def test_pattern_decides(ids: list[int], labels: list[int], status: str) -> None:
    """On one row."""
    assert check_shift(read_sample([{"input_ids": ids, "labels": labels}], default_data_collator)).status == status


@given(ids=st.lists(st.integers(3, 5), min_size=2, max_size=30), prompt=st.integers(0, 5))
def test_labels_at_their_tokens_are_never_shifted(ids: list[int], prompt: int) -> None:
    """However often tokens repeat."""
    labels = [-100] * min(prompt, len(ids)) + ids[prompt:]

    assert check_shift(read_sample([{"input_ids": ids, "labels": labels}], default_data_collator)).status == "passed"
