"""Values: choices are joined, conditions kept, and what something was made from can be asked of it."""

from __future__ import annotations

from unsilent.symbolic_notes import Choice, Guard, Site
from unsilent.symbolic_things import Const, Outside, Part, Result, Unknown
from unsilent.symbolic_values import MOST_CHOICES, constant, constants, guarded, join, one, via, walk

SITE = Site("a.py", 1)
WHEN = Guard("if", one(Unknown("wish"), SITE), holds=True, site=SITE)
ELSE = Guard("if", one(Unknown("hardware"), SITE), holds=True, site=SITE)


def test_same_thing_counts_once() -> None:
    """A constant of one line, a name of another package; constants of different lines are two."""
    assert len(join(one(Const(1), SITE), one(Const(1), SITE), one(Const(value=True), SITE))) == 2
    assert len(join(one(Const(1), SITE), one(Const(1), Site("a.py", 2)))) == 2
    assert len(join(one(Outside("x"), SITE), one(Outside("x"), SITE))) == 1


def test_thing_reached_in_two_ways_has_the_conditions_of_either() -> None:
    """And none where one of the ways has none."""
    value = one(Unknown("x"), SITE)
    (both,) = join(guarded(value, WHEN), guarded(value, ELSE))
    (free,) = join(guarded(value, WHEN), value)

    assert [guard.kind for guard in both.guards] == ["either"]
    assert {str(getattr(choice.thing, "name", "")) for choice in both.guards[0].test} == {"wish", "hardware"}
    assert free.guards == ()


def test_too_many_choices_are_unknown() -> None:
    """A name that may be anything is as good as unknown."""
    value = join(*(one(Const(number), SITE) for number in range(50)))

    assert len(value) == MOST_CHOICES
    assert isinstance(value[-1].thing, Unknown)


def test_condition_is_put_around_once() -> None:
    """However often it is met on the way."""
    (choice,) = guarded(guarded(one(Const(1), SITE), WHEN), WHEN, ELSE)

    assert choice.guards == (ELSE, WHEN)


def test_constants_are_told() -> None:
    """The one that a value is; each that it may be."""
    two = join(one(Const(1), SITE), one(Const(2), SITE))

    assert (constant(one(Const(1), SITE)), constant(two), constants(two)) == (1, None, [1, 2])


def test_path_notes_each_step_once() -> None:
    """A step that repeats the last one says nothing new."""
    (choice,) = via(via(via(one(Const(1), SITE), "a"), "a"), "b")

    assert choice.path == ("a", "b")


def test_walk_opens_what_is_wished() -> None:
    """Keys of what was looked up, attributes and conditions count where they are asked for."""
    key, table = one(Unknown("key"), SITE), one(Unknown("table"), SITE)
    table[0].thing.attrs["x"] = one(Unknown("attribute"), SITE)
    value = (Choice(Part(table, key, "item"), SITE, (WHEN,)),)

    def names(**wish: bool) -> set[str]:
        return {str(getattr(choice.thing, "name", "")) for choice in walk(value, **wish)} - {"None"}  # type: ignore[arg-type] # flags

    assert names() == {"key", "table"}
    assert names(with_keys=False) == {"table"}
    assert names(with_attrs=True) == {"key", "table", "attribute"}
    assert names(with_guards=True) == {"key", "table", "wish"}
    assert not any(isinstance(choice.thing, Result) for choice in walk(value))
