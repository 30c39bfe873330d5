"""Variations of a row are right without knowing any factor."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from homework import augmentation as aug
from homework import conversion_utils as cu
from homework import units

ROWS = [tuple(row) for row in json.loads((Path(__file__).parents[3] / "data" / "train.json").read_text())]
TRUTH = {question.text: question for question in cu.make_splits()[0]}


def test_other_amount_is_right_for_every_row() -> None:
    """Every training row holds one amount, and asking for another gives the exact answer."""
    for text, answer in ROWS:
        question = TRUTH[text]
        varied = aug.other_amount(text, answer, 7)
        assert varied is not None, text
        assert varied[0] == question.wording.format(n=7, a=question.source, b=question.target)
        assert math.isclose(varied[1], units.convert(7, question.source, question.target), rel_tol=1e-12)


def test_way_back_is_right_for_nearly_every_row() -> None:
    """At least 95% of the rows can be turned round, all of them rightly."""
    turned = 0
    for text, answer in ROWS:
        question = TRUTH[text]
        varied = aug.way_back(text, answer)
        if varied is not None:
            turned += 1
            assert varied[0] == question.wording.format(n=question.n, a=question.target, b=question.source)
            assert math.isclose(varied[1], units.convert(question.n, question.target, question.source), rel_tol=1e-12)

    assert turned >= 950, f"{turned} of {len(ROWS)} rows can be turned round"


@pytest.mark.parametrize(
    "question",
    [
        "How many cm is a yd?",
        "Are 3 m more than 4 m?",
        "Convert 0 m to cm.",
        "Convert 2.5 m to cm.",
        "Convert 1 1/2 km to m.",
    ],
    ids=["no amount", "two amounts", "zero", "a decimal", "a fraction"],
)
def test_other_amount_leaves_unclear_rows(question: str) -> None:
    """Without exactly one whole amount above zero nothing is made up."""
    assert aug.other_amount(question, 5.0, 3) is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 5 in in in?", 5.0),
        ("What is 5 furlong in rods?", 200.0),
        ("What is 5 furlong in m?", 1005.84),
        ("How many mL are there in 4 gallons?", 15141.6),
        ("How many inches in 2 ft?", 24.0),
        ("It's 3 in, how many cm?", 1.0),
        ("How many kg are 3 m?", 1.0),
        ("Convert 0 m to cm.", 0.0),
    ],
    ids=["in, in, in", "unknown units", "one unknown", "a plural", "inches", "another answer", "two families", "zero"],
)
def test_way_back_leaves_unclear_rows(question: str, answer: float) -> None:
    """Without exactly two units and an answer above zero nothing is made up."""
    assert aug.way_back(question, answer) is None


def test_apostrophe_is_no_unit() -> None:
    """The s of "It's" is not seconds; the two units are found and exchanged."""
    assert aug.way_back("It's 3 in, how many cm?", 7.62) == ("It's 3 cm, how many in?", 9 / 7.62)


def test_variations_begin_with_the_rows_themselves() -> None:
    """The first copy is the rows as they are; later ones are seeded and stay in the usual range."""
    made = aug.variations(ROWS[:50], 4, random.Random(1), amounts=0.8, back=0.4)
    again = aug.variations(ROWS[:50], 4, random.Random(1), amounts=0.8, back=0.4)

    assert made == again
    assert made[:50] == ROWS[:50]
    assert len(made) == 200
    assert len(set(made)) > 120
    assert all(0.125 <= row[1] <= 80_000 for row in made)


def test_variations_can_be_switched_off() -> None:
    """With both shares at 0 every copy is the row itself."""
    assert aug.variations(ROWS[:5], 2, random.Random(1), amounts=0, back=0) == ROWS[:5] * 2


def test_rows_with_reasoning_are_left_alone() -> None:
    """Reasoning speaks of its own amounts, so such a row is never varied."""
    row = ("How many gram are in 6 kg?", 6000.0, "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>")

    assert aug.vary(row, random.Random(1), amounts=1, back=1) == row
