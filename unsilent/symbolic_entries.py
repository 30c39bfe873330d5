"""Entries: ``a[b]``, for each thing that ``a`` may be, and what stands in a collection, wherever."""

from __future__ import annotations

from dataclasses import replace

from .symbolic_arithmetic import LONGEST_LIST
from .symbolic_attributes import Attributes
from .symbolic_notes import Choice, Guard, Site, Value
from .symbolic_things import Class, Const, Many, Object, Op, Table
from .symbolic_values import CONTENTS, constant, guarded, held, is_literal, join

MOST_PAIRS = 40  # of a dict, of which more are not known, that are kept apart


class Entries(Attributes):
    """Reads entries."""

    def extend(self, many: Many, value: Value, site: Site) -> None:
        """Put the elements of a value into a list."""
        inner = held(value[0]).thing if len(value) == 1 else None
        if (rows := _rows(value)) and many.whole:
            many.items += rows
        elif not isinstance(inner, Many) and (known := self.elements(value)) is not None:
            many.items += known
        elif isinstance(inner, Many):
            room = max(0, LONGEST_LIST - len(many.items))
            many.whole = many.whole and inner.whole and len(inner.items) <= room
            many.items += inner.items[:room]
        else:
            many.items.append(self.element(value, site))
            many.whole = False

    def element(self, value: Value, site: Site) -> Value:
        """What stands in a collection, wherever."""
        found: list[Value] = []
        for choice in map(held, value):
            thing = choice.thing
            if isinstance(thing, Many):
                found += thing.items
            elif isinstance(thing, Table):
                found += [self.make(Const(key), choice.site) for key in thing.items]
                found += [key for key, _ in thing.others]
            elif isinstance(thing, Object) and (method := thing.kind.member("__getitem__")):
                found.append(self.call(self.bind(method, thing), (self._unknown("index", site),), {}, site))
            elif CONTENTS in thing.attrs:
                found.append(thing.attrs[CONTENTS])
            elif isinstance(thing, Object) and (method := thing.kind.member("__iter__")):
                found.append(self.element(self.call(self.bind(method, thing), (), {}, site), site))
            elif (inside := self.elements((choice,))) is not None:
                found += inside
            elif not (isinstance(thing, Const) and thing.value is None):
                found.append(self._part((choice,), self._unknown("index", site), "item", site))
        return join(*found)

    def pairs(self, value: Value, site: Site) -> list[Value]:
        """What stands in a collection that is not wholly known: pairs one by one, all else together."""
        thing = value[0].thing if len(value) == 1 else None
        if isinstance(thing, Object) and (method := thing.kind.member("__iter__")) and CONTENTS not in thing.attrs:
            value = self.call(self.bind(method, thing), (), {}, site)
            thing = value[0].thing if len(value) == 1 else None
        items = thing.items if isinstance(thing, Many) else []
        if 1 < len(items) <= MOST_PAIRS and all(isinstance(one.thing, Many) for item in items for one in item):
            return list(items)
        return [self.element(value, site)]

    def item(self, value: Value, key: Value, site: Site) -> Value:
        """``value[key]``, for each choice of the value."""
        return join(*(guarded(self._item(choice, key, site), *choice.guards) for choice in value))

    def _item(self, choice: Choice, key: Value, site: Site) -> Value:  # noqa: C901, PLR0911, PLR0912 - for each kind
        thing, known = choice.thing, constant(key)
        if isinstance(thing, Table):
            if len(key) == 1 and isinstance(known, str | int | float | bool | bytes) and known in thing.items:
                return thing.items[known]
            if len(key) == 1 and isinstance(known, str | int) and not thing.others and thing.items:
                return ()
            if not thing.items and not thing.others:
                return self._part((choice,), key, "item", site)
            return self._looked_up(choice, thing, key, site)
        if isinstance(thing, Many) and (thing.items or (thing.whole and isinstance(known, int))):
            return self._item_of_many(thing, key, site)
        if isinstance(thing, Object) and thing.kind.is_tuple and isinstance(known, int):
            return dict(enumerate(thing.attrs[name] for name in thing.kind.fields())).get(known, ())
        if isinstance(thing, Object) and (method := thing.kind.member("__getitem__")):
            return self.call(self.bind(method, thing), (key,), {}, site)
        if (inside := held(choice)) is not choice:
            return self._item(inside, key, site)
        if isinstance(thing, Const) and isinstance(thing.value, str):
            piece = slice(known, known + 1 or None) if isinstance(known, int) else _slice(key)
            if piece is not None:
                return self.make(Const(thing.value[piece]), site)
        if isinstance(thing, Class):  # an enumeration by name, or a generic type
            return thing.attrs.get(str(known), (choice,))
        if isinstance(known, str) and f"[{known}]" in thing.attrs:
            return thing.attrs[f"[{known}]"]
        if CONTENTS in thing.attrs:
            return thing.attrs[CONTENTS]
        return self._part((choice,), key, "item", site)

    def _item_of_many(self, thing: Many, key: Value, site: Site) -> Value:
        known = constant(key)
        if isinstance(known, int) and thing.whole:
            return thing.items[known] if -len(thing.items) <= known < len(thing.items) else ()
        if (piece := _slice(key) if is_literal(thing) else None) is not None:
            return self.make(Many(thing.items[piece]), site)
        is_slice = any(isinstance(one.thing, Op) and one.thing.name == ":" for one in key)
        return self.make(Many(list(thing.items), whole=False), site) if is_slice else join(*thing.items)

    def _looked_up(self, choice: Choice, table: Table, key: Value, site: Site) -> Value:
        """An entry under a key that is not known: numbers stay in their table, what else may be there is taken out."""
        inside = () if constant(key) is not None else tuple(table.items.values())
        found = [one for value in (*(item for _, item in table.others), *inside) for one in value]
        numbers = [one for one in found if isinstance(one.thing, Const) and isinstance(one.thing.value, int | float)]
        others = tuple(replace(one, site=site) for one in found if one not in numbers)
        if len(others) > 1:
            others = guarded(others, Guard("either", key, holds=True, site=site))
        return join(self._part((choice,), key, "item", site) if numbers or table.read_from else (), others)


def _rows(value: Value) -> list[Value]:
    """Several tuples of one length, put together place by place."""
    rows = [choice.thing.items if isinstance(choice.thing, Many) and choice.thing.whole else [] for choice in value]
    if len(rows) < 2 or len({len(row) for row in rows}) != 1:  # noqa: PLR2004
        return []
    return [
        join(*(guarded(item, *one.guards) for item, one in zip(items, value, strict=True)))
        for items in zip(*rows, strict=True)
    ]


def _slice(key: Value) -> slice | None:
    """A slice whose ends are written down."""
    thing = key[0].thing if len(key) == 1 else None
    if not isinstance(thing, Op) or thing.name != ":":
        return None
    ends = [end[0].thing.value if len(end) == 1 and isinstance(end[0].thing, Const) else "" for end in thing.operands]
    return slice(*ends) if all(end is None or isinstance(end, int) for end in ends) and ends[2] != 0 else None
