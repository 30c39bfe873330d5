"""One number between the tags is read however it is written; several, or none, are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.tagged_numbers import goes_on, readings_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            (text, 42)
            for text in (
                "42",
                "**42**",
                "`42`",
                "$42$",
                r"\boxed{42}",
                r"\(42\)",
                "42.",
                "(42)",
                "x = 42",
                "\uff14\uff12",
                "\u2248 42",
            )
        ),
        *((text, 0.5) for text in (r"\frac{1}{2}", r"$\dfrac{1}{2}$", "1/2", "\u00bd", ".5", "0,5", "1\u20442")),
        *((text, 2.5) for text in ("2\u00bd", "2 1/2", "2,50 kg", "2.5")),
        *(
            (text, 3e8)
            for text in (r"3 \times 10^8", "3 x 10^8", "3 \u00d7 10\u2078", "3e8", r"3 \cdot 10^{8}", "3 * 10**8")
        ),
        *(
            (text, 1000)
            for text in ("10^3", "10\u00b3", "10**3 m", "10^{3}", "1,000", "1\u202f000", "1 000", "1'000", r"1\,000")
        ),
        *((text, 1_234_567) for text in ("1.234.567", "12,34,567", "1 234 567", "1,234,567")),
        *((text, -5) for text in ("-$5", "$-5", "\u22125", "-5 \u00b0C", r"-\$5")),
        *(
            (text, 5)
            for text in (
                "EUR 5",
                "Rs. 5",
                "\u20ac5",
                "US$5",
                "5 l/100 km",
                "5 per 100 g",
                "5 m^2",
                "5 kg/m3",
                "+5",
                r"5\text{ kg}",
            )
        ),
        *((text, 0.001) for text in ("10^-3", "10\u207b\u00b3", "1e-3")),
        ("1.234,5", 1234.5),
        ("3,500", 3500),
        ("0,125", 0.125),
    ],
)
def test_number_is_read(text: str, number: float) -> None:
    """Markup, signs, currencies, units, groups, powers."""
    assert readings_of(text) == [pytest.approx(number)]


def test_percents_are_read_in_two_ways() -> None:
    """Fifty, or a half."""
    assert readings_of("50%") == [50, 0.5]
    assert readings_of("50 per cent") == [50]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "about 5",
        "6 * 1000 = 6000",
        "3:4",
        "3-5",
        "--5",
        "21 apples (3 bags)",
        "10^400",
        "0^-1",
        "1e999",
        "10^3 5",
    ],
)
def test_other_texts_are_no_number(text: str) -> None:
    """None, several, words before it, or beyond a float."""
    assert readings_of(text) == []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_is_read(number: float) -> None:
    """As Python writes it."""
    assert readings_of(repr(number)) == [number]


@given(st.text())
def test_takes_any_text(text: str) -> None:
    """Nothing raises."""
    assert len(readings_of(text)) <= 2


def test_a_unit_is_a_few_words() -> None:
    """More of them are a sentence."""
    assert not goes_on("6000 cubic centimeters of water in total")
    assert goes_on("6000 is what I think, but not sure")
    assert goes_on("6" * 301)
