"""One side of an equation is read whole or not at all; what it comes to carries its units."""

from __future__ import annotations

import pytest

from homework.expressions import MOST_TOKENS, Value, read_side, tokens_of


def read(text: str) -> Value | None:
    """A side, without its gaps."""
    return read_side([token for token in tokens_of(text) if token.kind != "gap"])


@pytest.mark.parametrize(
    ("text", "number", "units"),
    [
        ("2 + 3 * 4", 14, {}),
        ("(2 + 3) * 4 kg", 20, {"kg": 1}),
        ("60 km / 2 h", 30, {"km": 1, "h": -1}),
        ("5 ft * 12 in/ft", 60, {"in": 1}),
        ("2 m * 3 m^2", 6, {"m": 3}),
        ("-1,234.5e-2", -12.345, {}),
        ("20%", 0.2, {}),
        ("10^3 g", 1000, {"g": 1}),
    ],
)
def test_side_is_read(text: str, number: float, units: dict[str, int]) -> None:
    """Its number and its units."""
    value = read(text)

    assert value is not None
    assert value.number == pytest.approx(number)
    assert value.units == units


@pytest.mark.parametrize(
    ("text", "slack"), [("12", 0.5), ("1.20", 0.005), ("5e3", 500), ("2.5%", 0.0005), ("6 * 2", 0)]
)
def test_digits_say_how_far_it_is_rounded(text: str, slack: float) -> None:
    """Half a unit of the last one; what was calculated is not rounded."""
    value = read(text)

    assert value is not None
    assert value.slack == pytest.approx(slack)


@pytest.mark.parametrize("text", ["", "3 apples", "5 ft 3 in", "+".join("1" * MOST_TOKENS), "(" * 50 + "1" + ")" * 50])
def test_side_with_something_else_is_not_read(text: str) -> None:
    """Nor is one that is too long."""
    assert read(text) is None
