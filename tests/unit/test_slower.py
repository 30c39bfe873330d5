"""What has become slower is told from what is merely of another machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from slower import changes, stored


def entry(base: str, machine: str = "one", **ratios: float) -> dict[str, Any]:
    """A figure as it is stored."""
    seconds = {name: [1.0] for name in (base, *ratios)}
    return {"machine": machine, "seconds": seconds, "ratios": ratios}


@pytest.mark.parametrize(
    ("before", "now", "slower"),
    [
        (entry("homework", pipeline=2.0), entry("homework", pipeline=1.0), [2.0]),
        (entry("off", unsilent=1.0), entry("off", unsilent=1.5), [1.5]),
        (entry("off", guardtower=1.0), entry("off", guardtower=1.5), []),
        (entry("off", unsilent=1.0), entry("off", "another", unsilent=1.5), []),
        (entry("off", unsilent=1.0), entry("off", unsilent=1.0), []),
    ],
    ids=["others came closer", "ours costs more", "a peer costs more", "another machine", "not measured anew"],
)
def test_only_ours_on_the_same_machine_counts(before: Any, now: Any, slower: list[float]) -> None:  # noqa: ANN401
    """Ratios of one title and side, measured anew."""
    assert [change.slower for change in changes({"title": before}, {"title": now})] == slower


def test_new_figures_have_nothing_to_be_held_against() -> None:
    """A title that was never stored."""
    assert list(changes({}, {"title": entry("off", unsilent=2.0)})) == []


def test_stored_figures_are_those_of_the_last_commit() -> None:
    """A file that the repository does not hold has none."""
    results = Path(__file__).parents[2] / "benchmarks" / "results"

    assert "Start-up" in stored(results / "cpu.json")
    assert stored(results / "nothing.json") == {}
