"""The shortest sample is taken, unless its form is already everywhere."""

from __future__ import annotations

from collections import Counter

import pytest

from homework.variety import choose_reasoning, form_of

QUESTION = "How many gram are in 6 kg?"
SHORT = "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"
OTHER = "6 kg = 6 * 1000 gram, which is <answer>6000</answer>"
LONG = "We know that there are 1000 gram in one kg, so in all it is 6 * 1000 = <answer>6000</answer>"


def test_form_is_what_other_questions_share() -> None:
    """Numbers and the question's own words make no difference."""
    other = form_of("1 m = 100 cm. 3 * 100 = <answer>300</answer>", "How many cm are in 3 m?")

    assert form_of(SHORT, QUESTION) == other


def test_shortest_is_chosen_first() -> None:
    """As long as no form has been taken."""
    assert choose_reasoning(QUESTION, [LONG, OTHER, SHORT], Counter()) == 2


def test_rarer_form_is_preferred_among_short_ones() -> None:
    """A form that was taken gives way to one of nearly the same length, never to a long one."""
    forms = Counter({form_of(SHORT, QUESTION): 1})

    assert choose_reasoning(QUESTION, [LONG, OTHER, SHORT], forms) == 1
    assert choose_reasoning(QUESTION, [LONG, SHORT], forms) == 1


def test_choice_is_counted() -> None:
    """So that the next question sees it."""
    forms = Counter[str]()
    choose_reasoning(QUESTION, [SHORT], forms)

    assert forms == {form_of(SHORT, QUESTION): 1}


def test_no_sample_is_no_choice() -> None:
    """There is nothing to choose from."""
    with pytest.raises(ValueError, match="empty"):
        choose_reasoning(QUESTION, [], Counter())
