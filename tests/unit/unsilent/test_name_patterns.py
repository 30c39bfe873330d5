"""Patterns are matched as PEFT matches them, and one that never ends is ended."""

from __future__ import annotations

import pytest

from unsilent import name_patterns
from unsilent.name_patterns import PatternUnusable, ends_in, first_matching, matching

NAMES = ["model.layers.0.q_proj", "model.layers.1.q_proj", "q_proj", "xq_proj"]


@pytest.mark.parametrize(
    ("pattern", "whole", "ends"),
    [
        ("q_proj", ["q_proj"], ["model.layers.0.q_proj", "model.layers.1.q_proj", "q_proj"]),
        ("layers.1.q_proj", [], ["model.layers.1.q_proj"]),
        (r".*\.[01]\.q_proj", NAMES[:2], NAMES[:2]),
        (".*q_proj", NAMES, NAMES),
        (r"layers\.\d+\.q_proj", [], NAMES[:2]),
    ],
)
def test_patterns_match_as_a_whole_or_at_an_end(pattern: str, whole: list[str], ends: list[str]) -> None:
    """A plain name is compared, anything else is a regular expression."""
    assert matching(pattern, NAMES) == set(whole)
    found = dict.fromkeys(NAMES[:3], "q_proj") | dict.fromkeys(ends, pattern)
    assert first_matching([pattern, "q_proj"], NAMES) == found
    assert (ends_in("a.b", "b"), ends_in("b", "b"), ends_in("ab", "b")) == (True, True, False)


def test_pattern_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A regular expression made for the purpose runs for years."""
    monkeypatch.setattr(name_patterns, "LIMIT", 1)

    with pytest.raises(PatternUnusable, match="takes more than 1 s on 1 names"):
        matching("(a+)+b", ["a" * 60])


def test_pattern_that_is_none_is_refused() -> None:
    """A bracket that is never closed."""
    with pytest.raises(PatternUnusable, match="is no regular expression"):
        first_matching(["q_proj", "(q_proj"], NAMES)
