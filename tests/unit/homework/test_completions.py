"""A completion ends at its tag and holds a number or NaN, never 0 for nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homework.completions import cut_at_tag, parse_answer


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("6000</answer>", 6000.0),
        ("<answer>6000</answer>", 6000.0),
        ("1 kg = 1000 g. 6 * 1000 = <answer>6000</answer> and on", 6000.0),
        (" 2.5 </answer>", 2.5),
        ("<answer>-3e2</answer>", -300.0),
        ("<answer>.5</answer>", 0.5),
        ("<answer>1,234,567.5</answer>", 1234567.5),
        ("<answer>12 cm^3</answer>", 12.0),
        ("<answer>12 m**3</answer>", 12.0),
        ("<answer>12 m3</answer>", 12.0),
        ("<answer>5 cm³</answer>", 5.0),
        ("42", 42.0),
        ("<answer>0</answer>", 0.0),
    ],
)
def test_parse_answer_reads_the_number(text: str, number: float) -> None:
    """With and without opening tag, with a unit, with grouping commas."""
    assert parse_answer(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "", "</answer>", "<answer></answer>", "no number", "I think 5",
        "<answer>2 * 3 = 6</answer>",
        "<answer>nan</answer>", "<answer>inf</answer>", "<answer>1e999</answer>", "<answer>five</answer>",
        "5 6</answer>",
        "10^3</answer>",
        "2**3</answer>",
        "<answer>",
    ],
)  # fmt: skip
def test_parse_answer_gives_nan_for_no_number(text: str) -> None:
    """Nothing, words, a calculation, infinity: NaN, never 0.0, which would count as an answer."""
    assert math.isnan(parse_answer(text))


@given(st.text())
def test_parse_answer_takes_any_text(text: str) -> None:
    """Any text gives a finite number or NaN, never an exception."""
    value = parse_answer(text)

    assert math.isnan(value) or math.isfinite(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_parse_answer_reads_back_what_python_writes(value: float) -> None:
    """Every finite number survives the trip through text."""
    assert parse_answer(f"<answer>{value!r}</answer>") == value


def test_text_is_cut_behind_its_closing_tag() -> None:
    """Whatever stood in one token with the tag goes."""
    assert cut_at_tag("5</answer>\nmore") == "5</answer>"
    assert cut_at_tag("5") == "5"
