"""Rising for good, growing by orders of magnitude, staying flat: and what only looks like it."""

from __future__ import annotations

import math
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.trends import Divergence, Explosion, Flatness

# Real series, Trainer and AdamW on the tiny model: a trained base at rate 0.3, and the same with ten steps of warm-up.
LEAPT = [0.63, 7.37, 6.1, 5.2, 4.4, 3.9, 3.6, 3.3, 3.2, 3.1, 2.9, 2.8, 2.6, 2.5, 2.4]
# RMSprop at rate 1.0, no clipping, upon a base at 1.8: the leap is the largest distance of neighbours by far.
DESTROYED = [
    1.8, 6.74, 6.02, 4.97, 4.75, 4.19, 3.75, 4.78, 4.11, 3.77, 3.77, 3.09, 4.59, 3.33, 2.97,
    3.43, 3.1, 3.42, 2.72, 3.18, 3.19, 3.07, 3.45, 3.33, 2.82, 3.39, 3.56, 3.25, 2.85, 3.25,
]  # fmt: skip
WARMED_UP = [0.63, 0.81, 0.66, 1.9, 4.8, 4.1, 3.9, 3.6, 3.3, 3.2, 3.1, 3.0, 2.9, 2.8, 2.7]


def last_answer(values: list[float]) -> tuple[bool, int | None]:
    """What is said after the last value, and the step named."""
    detector = Divergence()
    said = [detector.add(step, value) for step, value in enumerate(values, start=1)]
    return said[-1], detector.began


@pytest.mark.parametrize(
    ("values", "began"),
    [
        (LEAPT, 2),
        (DESTROYED, 2),
        (WARMED_UP, 4),
        ([2.0, 1.8, 1.9, *[2.0 + 0.2 * step for step in range(20)]], 9),
        ([2.0, 1.5, 1.2, 1.0, 0.9] * 5 + [7.0, 6.0, 5.0, 4.5, 4.0, 3.9, 3.8], 26),
    ],
    ids=[
        "a leap at the second step",
        "a leap that hides itself",
        "a leap after warm-up",
        "a slow rise",
        "a collapse late in the run",
    ],
)
def test_rise_for_good_is_found(values: list[float], began: int) -> None:
    """The step named is the first of those that stayed above the start."""
    assert last_answer(values) == (True, began)


@pytest.mark.parametrize(
    "values",
    [
        [4.97, 4.59, 4.40, 4.30] * 3,
        [2.0, 1.9, 1.8, 9.0, 7.0, 5.0, 3.0, 1.8, 1.7],
        [0.31, 0.66, 0.36, 0.5, 0.85, 0.73, 0.49, 0.34, 0.75, 0.43, 0.64],
        [1.0, *[2.1, 1.8] * 15],
        [0.02, 0.01, 0.02, *[0.06] * 20],
        [0.0, 0.0, 0.0, *[0.5] * 20],
        [5.0, 9.0],
    ],
    ids=[
        "falling",
        "a spike that passes",
        "a low start by chance",
        "a lower one",
        "memorised",
        "a start at zero",
        "two values",
    ],
)
def test_healthy_losses_do_not_rise(values: list[float]) -> None:
    """Noise, spikes, and scatter around nothing are no divergence."""
    assert last_answer(values)[0] is False


def test_recovery_takes_the_answer_back() -> None:
    """A loss that was up for long and came down for as long has not risen for good."""
    assert last_answer([*LEAPT, *[0.4] * 4])[0] is True
    assert last_answer([*LEAPT, *[0.4] * 5]) == (False, None)


def test_evidence_of_a_rise() -> None:
    """Start, level, highest and counts; nothing is invented before there is a start."""
    detector = Divergence()
    assert detector.evidence() == {"start": None, "level": None, "highest": None, "values_above": 0, "values": 0}
    for step, value in enumerate(LEAPT):
        detector.add(step, value)

    evidence = detector.evidence()
    assert (evidence["start"], evidence["highest"], evidence["values_above"]) == (0.63, 7.37, 14)
    assert 2.4 < float(str(evidence["level"])) < 7.37


@given(st.integers(0, 10_000), st.floats(0.05, 0.8), st.floats(0.01, 100.0), st.integers(3, 200))
def test_scatter_without_a_rise_is_never_called_one(seed: int, scatter: float, scale: float, length: int) -> None:
    """A loss that falls to half while its rows scatter by factors does not end as a divergence."""
    noise = random.Random(seed)
    values = [
        scale * (0.5 + 0.5 * math.exp(-5 * step / length)) * math.exp(noise.gauss(0, scatter)) for step in range(length)
    ]
    first = max(values[:3])
    values[0] = max(first, scale)  # a start low by chance is the one thing that noise alone can make

    assert last_answer(values)[0] is False


@pytest.mark.parametrize(
    ("norms", "found", "began"),
    [
        ([0.54, 30, 3.1e3, 5e11, math.nan], 5, 3),
        ([0.33, 44, 3.3e14, 8.1e10, 4.7e4, math.nan], 6, 2),
        ([1.0, 2.0, 150, 200, 400, 900, 2e3, 1e4], 7, 3),
        ([1.0, 200, 0.5, *[300.0] * 6], 8, 4),
        ([1.0, 1.1e4, 16.0, math.nan], 4, 2),
    ],
    ids=["RMSprop at rate 1.0", "another seed", "slow growth", "a spike before it", "NaN after a spike"],
)
def test_explosion_is_found(norms: list[float], found: int, began: int) -> None:
    """Growth that stays, or that ends in NaN, is found at once, with the step at which it began."""
    detector = Explosion()
    said = [detector.add(step, norm) for step, norm in enumerate(norms, start=1)]

    assert said.index(True) + 1 == found
    assert (said[-1], detector.began) == (True, began)
    assert detector.evidence()["start"] == norms[0]


@pytest.mark.parametrize(
    "norms",
    [
        [0.9, 7.0, 0.9, 1.1, 7.0, 6.0, 5.0, 7.0, 6.0, 7.0],
        [1.0, 500.0, 300.0, 120.0, 1.0, 0.02, 0.02, 0.02],
        [1.0, 0.1, 1e-3, 1e-3, 1.0, 1.0, 1.0, 1.0, 1.0],
        [1e-3, *[5.0] * 10],
        [0.0, 0.0, *[3.0] * 10],
        [math.inf, math.nan, 1.0, 2.0, math.inf, 1.0],
    ],
    ids=["clipping at work", "a leap that passed", "back from a memorised batch", "a small start", "zero", "a scaler"],
)
def test_healthy_norms_do_not_explode(norms: list[float]) -> None:
    """What healthy runs do, each with the reason it might be mistaken."""
    detector = Explosion()

    assert not any(detector.add(step, norm) for step, norm in enumerate(norms))


def slope_of(values: list[float]) -> Flatness:
    """A detector that has seen these."""
    detector = Flatness()
    for value in values:
        detector.add(value)
    return detector


def noisy(begin: float, end: float, scatter: float, count: int = 60, seed: int = 0) -> list[float]:
    """A straight line with scatter."""
    noise = random.Random(seed)
    return [begin + (end - begin) * step / (count - 1) + noise.gauss(0, scatter) for step in range(count)]


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        ([4.9701] * 30, True),
        (noisy(3.0, 3.0, 0.06), True),
        (noisy(3.0, 3.1, 0.01), True),
        (noisy(2.0, 1.92, 0.05), False),
        ([2.0, 1.0, 0.3, 0.15, *noisy(0.1, 0.1, 0.001, 1000)], False),
        ([0.02] * 30, False),
        ([0.0] * 30, False),
        (noisy(3.0, 2.0, 2.0), False),
        ([4.9701] * 19, False),
        ([2.0, 1.0], False),
        ([], False),
    ],
    ids=[
        "constant",
        "scatter",
        "rising a little",
        "4% in a run",
        "fell, then flat",
        "trained out",
        "zero",
        "too noisy",
        "short",
        "two",
        "none",
    ],
)
def test_flat_means_no_fall_at_all(values: list[float], flat: bool) -> None:  # noqa: FBT001 - the expected answer
    """A small fall that the scatter does not explain is a fall; so is one that ended early."""
    assert slope_of(values).is_flat is flat


def test_line_is_the_least_squares_line() -> None:
    """Running sums give what a fit over all values gives."""
    detector = slope_of([1.0, 3.0, 2.0, 5.0])

    assert detector.slope == pytest.approx(1.1)
    assert detector.ends == pytest.approx((1.1, 4.4))
    assert detector.evidence() == {"values": 4, "line_begins": 1.1, "line_ends": 4.4}


@pytest.mark.no_cover
def test_detectors_keep_nothing() -> None:
    """A hundred thousand values take no more memory than a hundred."""
    detectors = Divergence(), Explosion(), Flatness()
    tracemalloc.start()
    for step in range(100_000):
        detectors[0].add(step, 2.0)
        detectors[1].add(step, 2.0)
        detectors[2].add(2.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 20_000, peak
