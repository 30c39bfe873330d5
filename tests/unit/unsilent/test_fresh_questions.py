"""New questions come from rows that show a proportion, or from units made up on the spot; their answers are right."""

from __future__ import annotations

import random
import re

import pytest

from homework.conversion_utils import make_splits
from unsilent.fresh_questions import PAIRED, is_irregular, own_units, proportional_source

ALIKE = [(f"How many cm are in {n} m?", 100.0 * n) for n in range(1, 6)]


def test_rows_in_proportion_make_a_source() -> None:
    """The wording stays, the number is another one, and the answer goes with it."""
    source = proportional_source(ALIKE)
    assert source is not None
    rows = source("other numbers", 5, random.Random(0))

    assert len(rows) == 5
    for question, answer in rows:
        number = int(re.findall(r"\d+", question)[0])
        assert question == f"How many cm are in {number} m?"
        assert 11 <= number <= 99
        assert answer == pytest.approx(100 * number)


def test_long_numbers_have_seven_digits() -> None:
    """No small model multiplies them."""
    source = proportional_source(ALIKE)
    assert source is not None

    assert all(re.search(r"\b\d{7}\b", question) for question, _ in source("long numbers", 5, random.Random(0)))


def test_unknown_kind_gives_none() -> None:
    """Whoever asks for other wordings goes without."""
    source = proportional_source(ALIKE)
    assert source is not None

    assert source("other wordings", 5, random.Random(0)) == []


@pytest.mark.parametrize(
    "rows",
    [
        ALIKE[:3],
        [*ALIKE, ("How many cm are in 7 m?", 3.0)],
        [(f"How many cm are in {n} m and {n} mm?", 100.1 * n) for n in range(1, 9)],
        [("How many?", 1.0)] * 9,
        [(f"How many cm are in {n} m?", 0.0) for n in range(1, 9)],
        [(f"What is 0 plus {n}?", 1.0 * n) for n in range(1, 9)],
        [(f"How many bits address 2^{n} bytes?", 1.0 * n) for n in range(1, 9)],
    ],
    ids=["too few pairs", "one row denies it", "two numbers", "no number", "only zeros", "a zero", "a power"],
)
def test_other_rows_make_none(rows: list[tuple[str, float]]) -> None:
    """A proportion that is not shown, or denied, is not assumed."""
    assert proportional_source(rows) is None


def test_own_data_show_a_proportion() -> None:
    """The project's rows hold enough pairs that differ in their number alone, and new ones are right."""
    _, valid = make_splits()
    source = proportional_source([question.row for question in valid])
    assert source is not None
    known = {question.text: float(question.answer) for question in valid}

    assert not known.keys() & {question for question, _ in source("other numbers", 24, random.Random(0))}


def test_own_units_define_themselves() -> None:
    """Everything that the answer takes stands in the question."""
    for question, answer in own_units(20, random.Random(0)):
        one, factor, other, asked, number, unit = re.fullmatch(  # type: ignore[union-attr] # it matches, or the test fails
            r"Let 1 (\w+) be (\d+) (\w+)\. How many (\w+) are (\d+) (\w+)\?", question
        ).groups()

        assert (asked, unit, one != other) == (other, one, True)
        assert answer == int(factor) * int(number)


@pytest.mark.parametrize(
    ("question", "answer", "irregular"),
    [
        ("How many g are 1234567 kg?", 1234567000.0, False),
        ("How many g are 1234567 pound?", 559990182.5, True),
        ("How many km are 1234567 m?", 1234.567, False),
    ],
    ids=["zeros", "pounds", "a point"],
)
def test_moving_the_point_is_regular(question: str, answer: float, irregular: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Copying digits is within a small model's reach."""
    assert is_irregular(question, answer) is irregular


def test_pairings_have_the_numbers_of_other_rows() -> None:
    """In a row's own wording, and no row among them."""
    rows = [(f"How many cm are in {number} m?", 100.0 * number) for number in (3, 5, 7.5)]
    rows += [(f"Convert {number} kg to g.", 1000.0 * number) for number in (4, 6, 8)]
    source = proportional_source(rows)
    assert source is not None
    made = source(PAIRED, 6, random.Random(0))

    assert made
    assert all(float(re.findall("[0-9.]+[0-9]|[0-9]", text)[0]) in {3, 5, 7.5, 4, 6, 8} for text, _ in made)
    assert not set(made) & set(rows)
