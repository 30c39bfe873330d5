"""What is a number, and when it is right."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from homework.data import is_answer_valid
from unsilent.answers import as_number, is_right, numbers_in

FINITE = st.floats(allow_nan=False, allow_infinity=False)


class Stubborn:
    """Raises whatever is asked of it."""

    def __float__(self) -> float:
        raise RuntimeError


@given(FINITE, FINITE)
def test_right_is_what_the_course_calls_valid(answer: float, correct: float) -> None:
    """Both definitions agree on every pair of numbers."""
    assert is_right(answer, correct) == is_answer_valid(answer, correct)
    assert is_right(correct * 1.01, correct) == is_answer_valid(correct * 1.01, correct)


@pytest.mark.parametrize(
    ("answer", "correct", "expected"),
    [
        (1.0494, 1.0, True),
        (105.0, 100.0, False),
        (0.0, 0.0, False),
        (math.nan, 1.0, False),
        (math.inf, math.inf, False),
        (1.0, math.nan, False),
        (None, 1.0, False),
        ("1", 1.0, False),
        (True, 1.0, False),
        (10**400, 1.0, False),
        (torch.tensor(1.0, requires_grad=True), 1, True),
    ],
    ids=["inside", "bound", "zero", "nan", "inf", "nan is correct", "none", "text", "truth", "huge", "tensor"],
)
def test_right_or_not(answer: object, correct: object, expected: bool) -> None:  # noqa: FBT001 - a table
    """The bound is outside, and what is no finite number is never right."""
    assert is_right(answer, correct) is expected


def test_tolerance_can_be_others() -> None:
    """Ten percent instead of five."""
    assert is_right(1.09, 1.0, tolerance=0.1)


@pytest.mark.parametrize("answer", [Stubborn(), [1, 2], torch.ones(2), 1j, b"1", math.nan])
def test_no_number_is_nan(answer: object) -> None:
    """Whatever cannot be one number is NaN."""
    assert math.isnan(as_number(answer))


def test_integers_beyond_floats_are_infinite() -> None:
    """With their sign."""
    assert (as_number(10**400), as_number(-(10**400))) == (math.inf, -math.inf)


@given(FINITE)
def test_every_float_is_read_back(number: float) -> None:
    """As Python prints it, within words."""
    assert numbers_in(f"the answer is {number!r} m, perhaps") == [number]


@given(st.lists(st.integers(-(10**12), 10**12)))
def test_separators_are_read_through(numbers: list[int]) -> None:
    """1,000 is 1000, whatever stands around it."""
    assert numbers_in(" and ".join(f"{number:,}" for number in numbers)) == numbers


@given(st.integers(0, 999), st.integers(1, 999), st.integers(1, 999))
def test_fractions_are_read(whole: int, above: int, below: int) -> None:
    """Alone, and behind a whole number."""
    assert numbers_in(f"{above}/{below}") == [above / below]
    assert numbers_in(f"{whole} {above}/{below} cups") == [whole + above / below]


@given(st.text())
def test_any_text_gives_finite_numbers(text: str) -> None:
    """Nothing raises, and nothing is NaN or inf."""
    assert all(math.isfinite(number) for number in numbers_in(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 cm^3 in m**3, m\u00b2 and H2O", [5]),
        ("10\u00b2", [10]),
        ("\u00bd and 1\u00bd", [0.5, 1.5]),
        ("\u22123, (-4), 10-3, 10 -3", [-3, -4, 10, 3, 10, -3]),
        ("1e999", []),
        ("9" * 400 + "/3", []),
        ("9" * 5000 + "/3", []),
        ("10/12/2020", [10]),
        ("3.14.15", [3.14]),
        ("1/0", [1]),
        ("1,23", [1, 23]),
        ("3cm, .5 m, -.5", [3, 0.5, -0.5]),
        ("\uff11\uff12 \u0663", [12, 3]),
        ("<answer>-7.25</answer>", [-7.25]),
        ("2*3=6", [2, 3, 6]),
        ("0x10, 2^-35", [0, 2]),
    ],
)
def test_numbers_as_people_write_them(text: str, expected: list[float]) -> None:
    """Exponents of units are no numbers; signs, fractions and other scripts' digits are read."""
    assert numbers_in(text) == expected
