"""Traces of a resume in a log: what no schedule makes is found; schedules, restarts and joined logs are left alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from unsilent.log_text import LogRecord
from unsilent.resumed_logs import Resumes

Rate = Callable[[int], float]


def linear(step: int, total: int = 100, warm_up: int = 10) -> float:
    """Up for ten steps, then down to 0."""
    return step / warm_up if step < warm_up else max(0.0, (total - step) / (total - warm_up))


def cosine(step: int, total: int = 100, cycles: int = 1, least: float = 0.0) -> float:
    """Down in half a wave, as often as asked."""
    return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * ((cycles * step / total) % 1)))


def down(step: int) -> float:
    """From the peak to 0 in a hundred steps."""
    return 1 - step / 100


def wave(step: int) -> float:
    """Up and down in straight lines, twice."""
    return 1 - abs(step % 50 - 25) / 25


def tooth(step: int) -> float:
    """From the peak to 0.3 of it in straight lines of 20 records."""
    return 1 - 0.7 * (step % 20) / 20


def read(*parts: tuple[Rate, range], losses: Callable[[int], float] = lambda step: 2.0) -> Resumes:
    """A log of parts that follow each other."""
    resumes = Resumes()
    for rate, steps in parts:
        for step in steps:
            resumes.add(step, LogRecord(step, losses(step), 1.0, rate(step)))
    return resumes


FAULTY: dict[str, tuple[Resumes, int, str]] = {
    "warm-up again": (read((linear, range(1, 50)), (lambda step: linear(step - 49), range(50, 100))), 50, "warm-up"),
    "warm-up again, every 10": (
        read(
            (lambda step: linear(step, 1000, 100), range(10, 500, 10)),
            (lambda step: linear(step - 490, 1000, 100), range(500, 1000, 10)),
        ),
        500,
        "warm-up",
    ),
    "stretched": (read((linear, range(1, 50)), (lambda step: linear(step, 200), range(50, 200))), 50, "leaps"),
    "peak again, in a log that was resumed before": (
        read((down, range(30)), (down, range(25, 50)), (lambda step: down(step - 50), range(50, 90))),
        50,
        "leaps",
    ),
    "one step of warm-up again": (
        read((lambda step: linear(step, 100, 1), range(40)), (lambda step: linear(step - 40, 100, 1), range(40, 100))),
        40,
        "by way of 0",
    ),
    "cosine begun anew after a warm-up": (
        read((lambda step: step / 3, range(3)), (lambda step: cosine(step - 3), range(3, 63)),
             (lambda step: cosine(step - 63), range(63, 100))), 63, "leaps",
    ),
    "steps again at other rates": (
        read((linear, range(1, 60)), (lambda step: linear(step, 200), range(50, 100))), 50, "the same steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resumes", "step", "word"), FAULTY.values(), ids=FAULTY.keys())
def test_trace_is_found(resumes: Resumes, step: int, word: str) -> None:
    """At the record where it begins, with the numbers around it."""
    assert word in resumes.found
    assert resumes.step == step
    assert resumes.evidence


HEALTHY: dict[str, Resumes] = {
    "linear": read((linear, range(1, 101))),
    "cosine": read((cosine, range(101))),
    "restarts": read((lambda step: cosine(step, 100, 4), range(101))),
    "restarts, ten records to a cycle": read((lambda step: cosine(step, 100, 10), range(101))),
    "restarts above 0": read((lambda step: cosine(step, 300, 10, 0.3), range(301))),
    "restarts, five records to a cycle": read((lambda step: cosine(step, 100, 20), range(101))),
    "teeth that end at 0.3": read((tooth, range(61))),
    "two stages": read((lambda step: 1 - (step % 30) / 60, range(60))),
    "waves": read((wave, range(101))),
    "steps of a rate": read((lambda step: 0.1 ** (step // 20), range(101))),
    "plateaus": read((lambda step: 0.5 ** (step // 7), range(101))),
    "constant": read((lambda _: 1.0, range(101))),
    "raised by hand": read((lambda step: 1.0 if step < 50 else 2.0, range(101))),
    "properly resumed": read((linear, range(1, 60)), (linear, range(50, 101))),
    "resumed twice": read((linear, range(1, 40)), (linear, range(30, 60)), (linear, range(50, 101))),
    "two runs": read((linear, range(1, 60)), (lambda step: linear(step, 60, 5), range(1, 60))),
    "two runs, the second logs every 10": read(
        (linear, range(1, 90)), (lambda step: linear(step, 300), range(10, 300, 10))
    ),
    "two runs at once": read(
        *((rate, range(step, step + 2)) for step in range(1, 90, 2) for rate in (linear, lambda one: linear(one, 300)))
    ),
    "two ranks": read(*((linear, range(step, step + 1)) for step in range(1, 90) for _ in range(2))),
    "short": read((linear, range(1, 9)), (lambda step: linear(step - 8), range(9, 13))),
}


@pytest.mark.parametrize("resumes", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_log_has_no_trace(resumes: Resumes) -> None:
    """Each goes back or leaps in a way that is meant."""
    assert resumes.found == ""


def test_leap_to_where_the_log_began_is_said() -> None:
    """It may be meant, or not."""
    assert "leaps from 0.335 to 1 and falls as it did at the beginning" in HEALTHY["teeth that end at 0.3"].noticed
    assert HEALTHY["restarts, five records to a cycle"].noticed == ""


def test_joined_log_is_said_to_be_one() -> None:
    """Nothing after the second beginning is compared."""
    assert HEALTHY["two runs"].is_joined
    assert not HEALTHY["properly resumed"].is_joined
    assert HEALTHY["resumed twice"].back == 2


def falling(step: int) -> float:
    """A loss that falls from 8 to 1, with some scatter."""
    return 8 * 0.96**step + 0.1 * math.sin(step)


@pytest.mark.parametrize(
    ("again", "found"),
    [
        (lambda step: 8.0 + 0.1 * math.sin(step), True),
        (lambda step: falling(step) * 1.02, False),
        (lambda step: falling(step) * (9 if step == 42 else 1), False),
        (lambda step: 2.2 * falling(step), False),
        (lambda step: math.nan, False),
        (lambda step: 0.0, False),
    ],
    ids=["as at the beginning", "other dropout", "one spike", "higher, but not as high", "NaN", "zero"],
)
def test_loss_of_the_beginning_is_found(again: Callable[[int], float], found: bool) -> None:  # noqa: FBT001
    """Steps that are taken again by weights that know nothing."""
    resumes = read((linear, range(1, 60)), losses=falling)
    for step in range(40, 60):
        resumes.add(step, LogRecord(step, again(step), 1.0, linear(step)))

    assert ("the weights were not restored" in resumes.found) == found


def test_log_without_rates_or_losses_is_read() -> None:
    """Norms alone."""
    resumes = Resumes()
    for step in (*range(1, 20), *range(10, 20)):
        resumes.add(step, LogRecord(step, None, 1.0, None))

    assert (resumes.found, resumes.rates, resumes.back) == ("", 0, 1)
