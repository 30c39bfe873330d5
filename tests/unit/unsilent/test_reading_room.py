"""Reading has an end, and Python is left as it was found."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from unsilent import reading_room
from unsilent.reading_room import GLANCE, Budget, TooMuch, budget


@pytest.fixture
def thawed() -> Iterator[None]:
    """Nothing is frozen, as in any program; what ``conftest.py`` froze is frozen again afterwards."""
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    yield
    if frozen:
        gc.collect()
        gc.freeze()


def test_room_changes_python_and_puts_it_back(thawed: None) -> None:
    """Deeper nesting and no search for garbage, inside alone; whoever had switched that off finds it so."""
    limit, outside = sys.getrecursionlimit(), budget()
    with reading_room.reading_room():
        assert sys.getrecursionlimit() >= reading_room.FRAMES
        assert not gc.isenabled()
        assert budget() is not outside
    assert (sys.getrecursionlimit(), gc.isenabled(), budget()) == (limit, True, outside)
    gc.disable()
    try:
        with reading_room.reading_room():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_somebody_froze_stays_frozen(thawed: None) -> None:
    """It is not searched for garbage by us either."""
    kept: list[object] = []
    gc.freeze()
    try:
        with reading_room.reading_room():
            pass
        assert not any(thing is kept for thing in gc.get_objects())
    finally:
        gc.unfreeze()
    assert any(thing is kept for thing in gc.get_objects())


def test_steps_come_to_an_end() -> None:
    """Many at once, too."""
    left = Budget(steps=3)
    left.step(2)
    left.step()
    with pytest.raises(TooMuch):
        left.step()


def test_time_comes_to_an_end() -> None:
    """The clock is looked at now and then, whether steps are taken or not."""
    over = Budget(seconds=-1)
    over.look()
    with pytest.raises(TooMuch):
        over.look(GLANCE)
    with pytest.raises(TooMuch):
        over.step(GLANCE)
    in_time = Budget(seconds=60)
    in_time.step(GLANCE)
