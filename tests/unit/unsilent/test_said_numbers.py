"""A number is found in what was said, however it is written, and no other one is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.said_numbers import is_number, is_said, shown_numbers
from unsilent.spoken import Spoken

WRITTEN = {
    "plain": ("It is 1234.5.", 1234.5),
    "thousands": ("1,234.5", 1234.5),
    "decimal comma": ("2,5 m", 2.5),
    "points and comma": ("1.234,5", 1234.5),
    "spaces": ("1 234 567 g", 1234567.0),
    "narrow spaces": ("1\u202f234", 1234.0),
    "exponent": ("3.2e5", 3.2e5),
    "LaTeX power": (r"1.2 \times 10^{-3}", 1.2e-3),
    "superscript": ("1.2 \u00d7 10\u00b3", 1200.0),
    "bare power": ("10^6", 1e6),
    "LaTeX fraction": (r"\boxed{\frac{3}{4}}", 0.75),
    "LaTeX thousands": (r"12\,500 or 12{,}500", 12500.0),
    "minus sign": ("\u22125", -5.0),
    "dash": ("answer:-5", 5.0),
}


def said(text: str, *, fed: str | None = None) -> Spoken:
    """Something that was generated; ``fed`` where the last token is uncertain."""
    return Spoken("q", text, 3, fed is None, text if fed is None else fed)


@pytest.mark.parametrize(("text", "value"), WRITTEN.values(), ids=WRITTEN.keys())
def test_number_is_found_however_it_is_written(text: str, value: float) -> None:
    """As people, LaTeX and other countries write it."""
    assert is_said(value, [said(text)])


@pytest.mark.parametrize("value", [math.nan, math.inf, 12.0, 3.5], ids=["nan", "inf", "part", "other"])
def test_other_number_is_not_found(value: float) -> None:
    """No number is, and parts of numbers are none."""
    assert not is_said(value, [said("123 km"), said("nothing")])


def test_nothing_said_holds_no_number() -> None:
    """Without a sequence, and with one that has no number in it."""
    assert not is_said(1.0, [])
    assert not is_said(1.0, [said("kilometres")])


@given(st.floats(1e-3, 1e6), st.integers(3, 9))
def test_rounded_number_is_the_number(value: float, digits: int) -> None:
    """To decimals, or to significant digits."""
    assert is_number(round(value, digits), value)
    assert is_number(float(f"{value:.{digits}g}"), value)


def test_mean_and_median_of_samples_are_said() -> None:
    """Of the first or of the last number of each sample; a sample without one does not count."""
    samples = [said("5 times 2 is 10"), said("5 times 2 is 11"), said("5 times 2 is 15"), said("?")]

    assert is_said(12.0, samples)
    assert is_said(11.0, samples)
    assert not is_said(12.9, samples)


def test_number_cut_by_an_uncertain_token_may_go_on() -> None:
    """The last token was sampled, and is not the most likely one."""
    assert is_said(1237.0, [said("1234", fed="is 123")])
    assert is_said(0.57, [said("0.54", fed=".5"), said("0.54", fed="0.5")])
    assert not is_said(1237.0, [said("1234")])
    assert not is_said(1237.0, [said("1234", fed="is ")])
    assert not is_said(1234567.8, [said("123", fed="is 12")])


def test_numbers_are_shown_in_order() -> None:
    """Those that are written plainly come first."""
    assert shown_numbers("1 m is 1,000 mm") == [1.0, 1000.0, 1.0]
