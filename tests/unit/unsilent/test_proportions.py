"""Intervals and tails agree with brute force, and the power that is promised is there."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.proportions import (
    binomial_tail,
    chance_of_finding,
    fewest_beyond_chance,
    fisher_exact,
    wilson_interval,
)

ALPHA = 1e-6
CHANCE = 0.02


def exact_tail(right: int, count: int, chance: Fraction) -> Fraction:
    """The sum itself, in fractions."""
    weights = (math.comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in range(max(right, 0), count + 1))
    return sum(weights, Fraction(0))


@given(st.integers(-1, 62), st.integers(0, 60), st.integers(0, 64))
def test_tail_is_the_sum(right: int, count: int, part: int) -> None:
    """Exact to 12 digits, at both ends too."""
    chance = Fraction(part, 64)

    assert math.isclose(
        binomial_tail(right, count, float(chance)), exact_tail(right, count, chance), rel_tol=1e-11, abs_tol=1e-300
    )


@given(st.integers(0, 60), st.integers(0, 64), st.sampled_from([1e-6, 0.01, 0.5]))
def test_fewest_is_the_first_that_chance_does_not_reach(count: int, part: int, alpha: float) -> None:
    """One fewer would be reached more often than that."""
    fewest = fewest_beyond_chance(count, part / 64, alpha)

    assert binomial_tail(fewest, count, part / 64) <= alpha
    assert binomial_tail(fewest - 1, count, part / 64) > alpha


@given(st.data(), st.integers(0, 7), st.integers(0, 7))
def test_fisher_counts_every_way(data: st.DataObject, count_a: int, count_b: int) -> None:
    """The p-value is the share of all ways to deal out the right answers that favour A as much."""
    right_a = data.draw(st.integers(0, count_a))
    right_b = data.draw(st.integers(0, count_b))
    ways = list(itertools.combinations(range(count_a + count_b), right_a + right_b))
    as_much = sum(sum(place < count_a for place in way) >= right_a for way in ways)

    assert math.isclose(fisher_exact(right_a, count_a, right_b, count_b), as_much / len(ways), rel_tol=1e-11)


@given(st.integers(1, 300), st.data())
def test_wilson_bounds_solve_its_equation(count: int, data: st.DataObject) -> None:
    """A bound is the share from which the observed one lies exactly z standard errors away."""
    right = data.draw(st.integers(0, count))
    low, high = wilson_interval(right, count)

    assert 0 <= low <= right / count <= high <= 1
    for bound in (low, high):
        error = 1.959963984540054 * math.sqrt(bound * (1 - bound) / count)
        assert math.isclose(abs(right / count - bound), error, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize(("right", "low", "high"), [(46, 0.366, 0.557), (50, 0.404, 0.596)], ids=["46", "50"])
def test_wilson_gives_published_intervals(right: int, low: float, high: float) -> None:
    """Of 100, to three digits."""
    assert [round(bound, 3) for bound in wilson_interval(right, 100)] == [low, high]


def test_nothing_counted_is_nothing_known() -> None:
    """No function raises on an empty count."""
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert binomial_tail(0, 0, 0.5) == 1.0
    assert binomial_tail(1, 0, 0.5) == 0.0
    assert fewest_beyond_chance(0, 0.02, ALPHA) == 1
    assert fisher_exact(0, 0, 0, 0) == 1.0
    assert chance_of_finding(1.0, 0, CHANCE, ALPHA) == 0.0


@pytest.mark.parametrize("share", [0.10, 0.25, 0.50, 1.0], ids=lambda share: f"{share:.0%} looked up")
def test_power_is_what_a_simulation_finds(share: float) -> None:
    """Of 100,000 programs that look up a share of 100 questions, as many are found as the closed form says."""
    draws = np.random.default_rng(0).binomial(100, share, size=100_000)
    found = float((draws >= fewest_beyond_chance(100, CHANCE, ALPHA)).mean())
    expected = chance_of_finding(share, 100, CHANCE, ALPHA)

    assert abs(found - expected) < 5 * math.sqrt(expected * (1 - expected) / 100_000) + 1e-12, (found, expected)


def test_full_lookup_is_told_from_chance_with_both_error_rates_below_1e_6() -> None:
    """With 100 questions; and one that looks up a quarter is found nineteen times in twenty."""
    fewest = fewest_beyond_chance(100, CHANCE, ALPHA)

    assert binomial_tail(fewest, 100, CHANCE) < ALPHA
    assert 1 - chance_of_finding(1.0, 100, CHANCE, ALPHA) < 1e-6
    assert chance_of_finding(0.25, 100, CHANCE, ALPHA) > 0.95


def test_chance_seldom_reaches_the_bound_in_a_simulation() -> None:
    """No honest program of two million is accused."""
    draws = np.random.default_rng(1).binomial(100, CHANCE, size=2_000_000)

    assert int((draws >= fewest_beyond_chance(100, CHANCE, ALPHA)).sum()) <= 2 * 5
