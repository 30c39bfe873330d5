"""One pass over records leaves counts, spans and a few records around each beginning, and no more."""

from __future__ import annotations

import math

import pytest

from unsilent.log_text import LogRecord
from unsilent.reading import KEPT, Reading, kind_of


@pytest.mark.parametrize(
    ("value", "kind"), [(None, "absent"), (0.0, "zero"), (1e-9, "alive"), (math.nan, "nan"), (-math.inf, "inf")]
)
def test_kinds_are_told_apart(value: float | None, kind: str) -> None:
    """Nothing, nought, a number, and what is none."""
    assert kind_of(value) == kind


def read(*losses: float, norm: float | None = 1.0) -> Reading:
    """Records of a loss and a norm, one a step."""
    reading = Reading()
    for step, loss in enumerate(losses, start=1):
        reading.add(LogRecord(step=step, loss=loss, grad_norm=norm))
    return reading


def test_span_begins_anew() -> None:
    """NaN that passed is counted, and the span that is open is the last one."""
    reading = read(math.nan, 1.0, math.nan, math.nan)

    assert (reading.bad_losses.count, reading.bad_losses.total, reading.bad_losses.step) == (2, 3, 3)
    assert reading.number("loss", "nan") == 3
    assert not reading.always("loss", "nan")


def test_little_is_kept() -> None:
    """However long the log."""
    reading = read(*([math.nan] * 1000))

    assert len(reading.recent) == len(reading.opening) == len(reading.bad_losses.records) == KEPT


def test_places_are_steps_or_records() -> None:
    """A log without steps is counted."""
    unnumbered = Reading()
    unnumbered.add(LogRecord(loss=1.0))

    assert unnumbered.at(1) == ("record", 1)
    assert read(1.0).at(1) == ("step", 1)


def test_evaluation_is_no_step() -> None:
    """It is counted apart."""
    reading = Reading()
    reading.add(LogRecord(step=1, eval_loss=2.0))

    assert (reading.count, reading.evaluations) == (0, 1)
