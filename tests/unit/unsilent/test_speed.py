"""Seconds are held against the limit, and the finding says where they went."""

from __future__ import annotations

import pytest

from unsilent.speed import check_speed


@pytest.mark.parametrize(
    ("seconds", "status", "message"),
    [
        (10.0, "passed", ""),
        (50.0, "passed", "50.0 s of 60 s: a slower machine may need more"),
        (60.0, "passed", "60.0 s of 60 s: a slower machine may need more"),
        (60.1, "failed", "Expected load and answers within 60 s, but got 60.1 s. Where"),
    ],
    ids=["in time", "close", "at the limit", "too slow"],
)
def test_limit(seconds: float, status: str, message: str) -> None:
    """The limit itself is in time; close to it is worth a word."""
    outcome = check_speed(seconds, 60.0)

    assert (outcome.status, outcome.message[: len(message)]) == (status, message)


@pytest.mark.parametrize(
    ("load", "cure"), [(5.0, "ask in batches"), (50.0, "save what the load works out anew")], ids=["answers", "load"]
)
def test_cure_is_for_the_longer_half(load: float, cure: str) -> None:
    """What to do depends on where the time went."""
    outcome = check_speed(70.0, 60.0, load_seconds=load)

    assert cure in outcome.message
    assert f"{load:.1f} s of it for the load" in outcome.message
    assert outcome.evidence == {"seconds": 70.0, "limit": 60.0, "load_seconds": load}


@pytest.mark.parametrize(("reason", "said"), [("", "nothing was timed"), ("no folder", "no folder")])
def test_without_a_time(reason: str, said: str) -> None:
    """Nothing to judge is skipped, with the reason."""
    outcome = check_speed(None, 60.0, reason=reason)

    assert (outcome.status, outcome.reason) == ("skipped", said)
