"""nan and inf are found where somebody reckons with them, and left alone where they are words or limits."""

from __future__ import annotations

import pytest

from unsilent.nonfinite import is_not_finite, reckons_with_nan


@pytest.mark.parametrize(
    "text",
    [
        "1 m = Infinity cm. 3 * Infinity = 300",
        "the factor is NaN.",
        "1 kg = nan g",
        "6 * 1000 = inf g",
        "NaN * 1000 = 1",
        "3 / 0 = nan",
        "2 + inf",
        "1 m = -inf cm",
        "INF / 3",
    ],
)
def test_reckoning_is_found(text: str) -> None:
    """A factor, a summand, a result."""
    assert reckons_with_nan(text)


@pytest.mark.parametrize(
    "text",
    [
        "3/0 = inf, so 42",
        "lim 1/x = inf, sum = 42",
        "as x \u2192 0, 1/x = inf",
        "She gives 3 * Nan, 4",
        "n/a; infinity",
        "2 + infants",
        "best = float('inf')",
        "x in [0, inf)",
        "the value is infinity",
        "3 * nan's",
    ],
)
def test_words_and_limits_are_left_alone(text: str) -> None:
    """Names, code, intervals, and infinity where it is right."""
    assert not reckons_with_nan(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("nan", True), ("-inf g", True), ("1e999", True), ("9e9", False), ("x", False)]
)
def test_number_is_finite_or_not(text: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """In letters, or by its size."""
    assert is_not_finite(text) == expected
