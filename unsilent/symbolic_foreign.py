"""Calls of foreign code are noted, and what foreign code may call back is read.

A function that is handed to foreign code (a collator to a trainer, a command to a command line) may be called by it, so
it is read with unknown arguments; an object that is handed over has its methods read likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .symbolic_functions import Functions
from .symbolic_notes import Call, Site, Value
from .symbolic_things import Const, Function, Many, Native, Object, Outside, Result, Super, Table
from .symbolic_values import held

if TYPE_CHECKING:
    from .sources import SourceTree


class Foreign(Functions):
    """Notes foreign calls.

    Attributes:
        commands: Functions that a foreign decorator takes: commands, routes, hooks.
    """

    def __init__(self, tree: SourceTree) -> None:
        """Start with nothing handed over."""
        super().__init__(tree)
        self.commands: list[Function] = []
        self._read_objects: set[tuple[int, str]] = set()

    def foreign(
        self, name: str, receiver: Value, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site
    ) -> Value:
        """Note a call of foreign code, and read what is handed to it."""
        self.order += 1
        call = Call(name, receiver, args, dict(kwargs), site, self.guards, self.stack, self.order)
        self.calls.append(call)
        for value in (*args, *kwargs.values()):
            self._hand_over(value, site, set())
        return self.make(Result(call), site)

    def _hand_over(self, value: Value, site: Site, seen: set[int]) -> None:
        """Functions and objects of the tree that foreign code gets, in lists and dicts too, each once."""
        before, depth = self.guards, self.depth
        for choice in value:
            thing = choice.thing
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            self.depth = depth + 1
            if isinstance(thing, Function):
                self.read_with_unknowns(thing, site)
            elif isinstance(thing, Many):
                for item in thing.items:
                    self._hand_over(item, site, seen)
            elif isinstance(thing, Table):
                for item in thing.items.values():
                    self._hand_over(item, site, seen)
            elif isinstance(thing, Native) and thing.name == "partial":
                thing.does((), {}, site)
            elif isinstance(thing, Object):
                self._read_methods(thing, site)
            self.guards, self.depth = before, depth

    def read_with_unknowns(self, function: Function, site: Site) -> None:
        """Read a function that somebody else may call, once for each thing that it is bound to."""
        key = (id(function.node), str(id(function.frame)) + str([id(value[0].thing) for value in function.bound]))
        if key in self._read_objects or any(running.node is function.node for running in self.stack):
            return
        self._read_objects.add(key)
        self.call_function(function, (), {}, site)

    def _read_methods(self, thing: Object, site: Site) -> None:
        """The methods that a foreign class, or foreign code, may call on an object of ours."""
        foreign = bool(thing.kind.foreign())
        for kind in thing.kind.order():
            for name, member in list(kind.attrs.items()):
                wanted = name in {"__getitem__", "__call__", "__iter__"} or (foreign and not name.startswith("__"))
                found = thing.kind.member(name)
                if wanted and found is not None and found is member:
                    for choice in self.bind(member, thing) if _is_method(member) else ():
                        if isinstance(choice.thing, Function):
                            self.read_with_unknowns(choice.thing, site)

    def _call_foreign_base(
        self, of: Super, name: str, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site
    ) -> Value:
        owner = of.of.kind if isinstance(of.of, Object) else of.of
        if name == "__init__" and isinstance(of.of, Object):
            of.of.base = self.call(self.make(Outside(owner.foreign() or "object"), site), args, kwargs, site)
            return self.make(Const(None), site)
        if name == "__setattr__":
            return self.call(self.make(Outside("object.__setattr__"), site), (self.make(of.of, site), *args), {}, site)
        if isinstance(of.of, Object) and (inside := held(own := self.make(of.of, site)[0])) is not own:
            return self.call(self._part((inside,), self._key(name, site), "attribute", site), args, kwargs, site)
        return self.foreign(f".{name}", self.make(of.of, site), args, kwargs, site)


def _is_method(member: Value) -> bool:
    return any(isinstance(choice.thing, Function) and choice.thing.kind == "plain" for choice in member)
