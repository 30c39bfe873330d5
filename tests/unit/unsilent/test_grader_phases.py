"""Whatever a process tells, each of its phases begins once and ends once, in turn, and time is granted once."""

from __future__ import annotations

from typing import Any

import pytest

from unsilent.grader_phases import MOST_PARAMETERS, Phases, limits_of, plain_count

TRUE: list[dict[str, Any]] = [{"begin": "a"}, {"loaded": "a"}, {"end": "a"}, {"begin": "b"}, {"end": "b"}]


def test_phases_in_turn() -> None:
    """What the script tells is followed."""
    phases = Phases(["a", "b"])

    assert [phases.follow(line) for line in TRUE] == ["begin", "loaded", "end", "begin", "end"]
    assert (phases.current, phases.left) == ("", [])


def test_lines_out_of_turn_are_passed_over() -> None:
    """The second phase first, another's end, twice the same, what was never asked for, and what is no name."""
    phases = Phases(["a", "b"])
    told: list[dict[str, Any]] = [{"begin": "b"}, {"end": "a"}, {"begin": ["a"]}, {"loaded": "a"}, {"begin": "a"}]
    told += [{"begin": "a"}, {"begin": "b"}, {"end": "b"}, {"loaded": "b"}, {"end": "a"}, {"end": "a"}, {"begin": "a"}]

    assert [line for line in told if phases.follow(line)] == [{"begin": "a"}, {"end": "a"}]
    assert (phases.current, phases.left) == ("", ["b"])


def test_time_is_granted_once() -> None:
    """No more than the sum, however often a phase is said to begin."""
    limit_of = limits_of({"a": 5.0, "b": 7.0}, between=1.0)
    granted = [limit_of(line) for _ in range(3) for line in TRUE]

    assert granted == [5.0, None, 1.0, 7.0, 1.0] + [None] * 10


@pytest.mark.parametrize(
    ("given", "count"),
    [(0, 0), (361_821_120, 361_821_120), (-1, None), (MOST_PARAMETERS, None), (5.0, None), (True, None), ("5", None)],
)
def test_count_is_one_that_a_model_has(given: object, count: int | None) -> None:
    """None for all else."""
    assert plain_count(given) == count
