"""What can be named is judged by the stages that fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from unsilent import subjects
from unsilent.subjects import LOOKED_FOR, judge


@pytest.mark.parametrize("kind", LOOKED_FOR)
def test_looked_for_is_what_is_judged(kind: subjects.Kind, tmp_path: Path) -> None:
    """The list that is known beforehand is the report's, also of nothing."""
    assert {one.slug for one in judge(kind, tmp_path).outcomes} == set(LOOKED_FOR[kind])
    assert {one.slug for one in judge(kind, tmp_path / "none").outcomes} == set(LOOKED_FOR[kind])
