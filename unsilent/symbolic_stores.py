"""Names, attributes and entries get their values, and lose them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .alike_values import alike
from .symbolic_arithmetic import merge_tables
from .symbolic_calls import Calls
from .symbolic_notes import Frame, Site, Store, Value
from .symbolic_things import Class, Const, Function, Many, Object, Package, Part, Result, Table, Thing, Unknown
from .symbolic_values import CONTENTS, constant, guarded, held, join, things, via

if TYPE_CHECKING:
    from .sources import SourceTree

SETTER = "[setter]"  # among the attributes of a property


class Stores(Calls):
    """Assigns.

    Attributes:
        stores: Attributes and elements that were assigned.
    """

    def __init__(self, tree: SourceTree) -> None:
        """Start with nothing assigned."""
        super().__init__(tree)
        self.stores: list[Store] = []

    def _assign(self, node: ast.Assign, frame: Frame) -> bool:
        value = self.evaluate(node.value, frame)
        for target in node.targets:
            self.assign(target, value, frame)
        return True

    def _annassign(self, node: ast.AnnAssign, frame: Frame) -> bool:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, frame), frame)
        return True

    def _augassign(self, node: ast.AugAssign, frame: Frame) -> bool:
        site = self.site(node, frame)
        before = self.evaluate(node.target, frame)
        value = self.evaluate(node.value, frame)
        thing = before[0].thing if len(before) == 1 else None
        if isinstance(thing, Many) and isinstance(node.op, ast.Add):
            self.extend(thing, value, site)
            thing.whole = thing.whole and self.depth <= thing.born
        elif isinstance(thing, Table) and isinstance(node.op, ast.BitOr):
            merge_tables(thing, value)
        else:
            self.assign(node.target, self.compute(node.op, before, value, site), frame)
        return True

    def assign(self, target: ast.expr, value: Value, frame: Frame) -> None:
        """Give a name, attribute, element or tuple of them its value."""
        site = self.site(target, frame)
        if isinstance(target, ast.Name):
            where = frame.elsewhere.get(target.id, frame)
            arrived = via(value, f"{target.id} ({site})")
            where.names[target.id] = arrived if where is frame else join(where.names.get(target.id, ()), arrived)
        elif isinstance(target, ast.Attribute):
            self.store_attribute(self.evaluate(target.value, frame), target.attr, value, site)
        elif isinstance(target, ast.Subscript):
            self.store_item(self.evaluate(target.value, frame), self.evaluate(target.slice, frame), value, site)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, self.make(Many([value], whole=False), site), frame)
        else:
            inside: list[ast.expr] = getattr(target, "elts", [])
            known = self.elements(value)
            plain = known if known is not None and len(known) == len(inside) else None
            for number, inner in enumerate(inside):
                if plain is not None and not isinstance(inner, ast.Starred):
                    self.assign(inner, plain[number], frame)
                else:
                    part = self.item(value, self.make(Const(number), site), site)
                    self.assign(inner, part, frame)

    def store_attribute(self, target: Value, name: str, value: Value, site: Site) -> None:
        """``target.name = value``, for certain where nothing undecided stands around it."""
        self.order += 1
        key = self._key(name, site)
        self.stores.append(Store(target, name, key, value, site, self.guards, self.stack, self.order))
        arrived = via(value, f".{name} ({site})")
        for choice in target:
            thing = choice.thing
            if isinstance(thing, Package):
                thing.frame.names[name] = arrived
                continue
            if isinstance(thing, Object) and (setter := self._setter(thing, name)):
                self.call(self.bind(setter, thing), (arrived,), {}, site)
                continue
            if isinstance(thing, Object) and self._is_taken(thing, name, arrived, site):
                continue
            strongly = len(target) == 1 and self.depth <= thing.born
            before = () if strongly else self._before(thing, name, site)
            thing.attrs[name] = join(before, arrived if strongly else guarded(arrived, *self.guards))

    def _is_taken(self, thing: Object, name: str, value: Value, site: Site) -> bool:
        """Whether a descriptor, or the class by its ``__setattr__``, takes what is assigned."""
        member = thing.kind.member(name) or ()
        for choice in member[:1]:
            if isinstance(choice.thing, Object) and (method := choice.thing.kind.member("__set__")):
                self.call(self.bind(method, choice.thing), (self.make(thing, site), value), {}, site)
                return True
        method = thing.kind.member("__setattr__")
        running = {id(one.node) for one in self.stack}
        functions = [one.thing for one in method or () if isinstance(one.thing, Function)]
        if not functions or any(id(one.node) in running for one in functions):
            return False
        self.call(self.bind(method or (), thing), (self._key(name, site), value), {}, site)
        return True

    def _setter(self, thing: Object, name: str) -> Value:
        """What ``@name.setter`` decorates."""
        member = thing.kind.member(name) or ()
        return join(*(choice.thing.attrs.get(SETTER, ()) for choice in member))

    def _before(self, thing: Thing, name: str, site: Site) -> Value:
        if name in thing.attrs or isinstance(thing, Class):
            return thing.attrs.get(name, ())
        if isinstance(thing, Object) and (found := thing.kind.member(name)):
            return found
        return self.make(Unknown(f"its {name}"), site) if not isinstance(thing, Object) else ()

    def store_item(self, target: Value, key: Value, value: Value, site: Site) -> None:
        """``target[key] = value``."""
        self.order += 1
        self.stores.append(Store(target, "", key, value, site, self.guards, self.stack, self.order))
        for choice in target:
            thing = held(choice).thing
            setter = choice.thing.kind.member("__setitem__") if isinstance(choice.thing, Object) else None
            if setter is not None and isinstance(choice.thing, Object):
                self.call(self.bind(setter, choice.thing), (key, value), {}, site)
            elif isinstance(thing, Table):
                self.put(
                    thing, key, via(value, f"[...] ({site})"), strongly=len(target) == 1 and self.depth <= thing.born
                )
            elif isinstance(thing, Many):
                position = constant(key)
                exact = thing.whole and isinstance(position, int) and 0 <= position < len(thing.items)
                if exact and isinstance(position, int) and self.depth <= thing.born:
                    thing.items[position] = value
                elif self._fills(thing, key):
                    thing.items, thing.blank = [value], ()
                else:
                    thing.items.append(guarded(value, *self.guards))
                    thing.whole = False
            elif isinstance(known := constant(key), str):
                before = thing.attrs.get(f"[{known}]", ())
                thing.attrs[f"[{known}]"] = join(() if self.depth <= thing.born else before, value)
            else:
                thing.attrs[CONTENTS] = join(thing.attrs.get(CONTENTS, ()), value)

    def _fills(self, many: Many, key: Value) -> bool:
        """Whether a loop goes through all places of a list that waits to be filled, and fills each."""
        count = many.blank[0].thing if many.blank and len(key) == 1 else None
        place = key[0].thing if count is not None else None
        if isinstance(count, Result) and count.call.name == "len" and constant(key) == 0 and self.depth <= many.born:
            return len(self.elements(count.call.args[0]) or ()) == 1
        loop = self.guards[-1] if self.guards and self.guards[-1].kind == "loop" else None
        if loop is None or not isinstance(place, Part) or not place.of or not loop.test:
            return False
        over = place.of[0].thing
        if over is not loop.test[0].thing or not isinstance(over, Result) or over.call.name != "range":
            return False
        starts = over.call.args[:-1]
        return (
            bool(over.call.args) and all(constant(one) == 0 for one in starts) and alike(over.call.args[-1], many.blank)
        )

    def _delete(self, node: ast.Delete, frame: Frame) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Name):
                frame.names.pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                key = constant(self.evaluate(target.slice, frame))
                for thing in things(self.evaluate(target.value, frame)):
                    if isinstance(thing, Table) and self.depth <= thing.born:
                        thing.items.pop(key, None)
        return True

    def _global(self, node: ast.Global, frame: Frame) -> bool:
        frame.elsewhere.update(dict.fromkeys(node.names, frame.module))
        return True

    def _nonlocal(self, node: ast.Nonlocal, frame: Frame) -> bool:
        here = frame.outer
        for name in node.names:
            where = here
            while where is not None and name not in where.names:
                where = where.outer
            if where is not None:
                frame.elsewhere[name] = where
        return True
