"""Rows are read word by word, and each word is written in one way."""

from __future__ import annotations

import math

import pytest

from unsilent.asked_rows import canonical_word, number_word, read_rows


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How many cm are in 3 m?", ("How", "many", "cm", "are", "in", "3", "m")),
        (" (3m) 'km/h' ?", ("3", "m", "km/h")),
        ("-.5 m/s; -3", ("-.5", "m/s", "-3")),
        ("5 % of H2O", ("5", "%", "of", "H2O")),
        ("p && !q || ~r - {} 5%, x* #1!", ("p", "&&", "!q", "||", "~r", "-", "{}", "5%", "x*", "#1")),
        ("cm\u00b2\u200b 1e3", ("cm2", "1", "e3")),
    ],
)
def test_words_are_bare(question: str, words: tuple[str, ...]) -> None:
    """Without the punctuation around them; a number keeps its sign, and lets go of its unit."""
    assert read_rows([[question, 1.0]])[0][0].words == words


@pytest.mark.parametrize(
    ("word", "canonical"),
    [
        ("KM", "km"),
        ("cm**3", "cm**3"),
        ("Three", "3.0"),
        ("1,000", "1000.0"),
        ("1,23", "1,23"),
        ("a,b", "a,b"),
        ("3.", "3.0"),
        ("-0", "0.0"),
    ],
)
def test_words_are_written_in_one_way(word: str, canonical: str) -> None:
    """Case and numbers; not spellings of a unit."""
    assert canonical_word(word) == canonical


@pytest.mark.parametrize("word", ["", "m", "3m", "1e", "nan", "inf", "--3"])
def test_what_is_no_number(word: str) -> None:
    """Only digits make one."""
    assert number_word(word) is None


def test_content_needs_number_and_answer() -> None:
    """Words alone are no content."""
    rows, unread = read_rows([["3 m and 2", 7.62001], ["a", 1.0], ["3 m", math.nan], ["3 m", " Five  Feet "], None])

    assert [row.content for row in rows] == [((3.0, 2.0), "7.62"), None, None, ((3.0,), "five feet")]
    assert unread == 1
