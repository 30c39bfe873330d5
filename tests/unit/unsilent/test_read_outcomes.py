"""Outcomes come back from JSON as they were; what is none is left out."""

from __future__ import annotations

import json

import pytest

from unsilent.outcome import failed, passed, skipped
from unsilent.read_outcomes import read_outcomes

FOUND = failed("zero-loss", "guard", "Expected more.", {"loss": 0.0}, step=3)


def test_outcomes_survive_json() -> None:
    """Each status, with step, evidence and reason."""
    outcomes = [FOUND, passed("nan-score", "evaluation", "noticed"), skipped("lr-zero", "guard", "no schedule")]

    assert read_outcomes(json.loads(json.dumps([one.as_json() for one in outcomes]))) == outcomes


@pytest.mark.parametrize(
    "change",
    [
        {"failure": "of-another-version"},
        {"stage": "kitchen"},
        {"status": "perhaps"},
        {"step": "three"},
        {"message": ""},
        {"evidence": []},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_no_outcome_is_left_out(change: dict[str, object]) -> None:
    """Another catalogue's row, a forged one, half a one: the others are read all the same."""
    assert read_outcomes([FOUND.as_json() | change, FOUND.as_json(), "x", None, {}]) == [FOUND]
