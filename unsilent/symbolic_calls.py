"""A call as it is written: its arguments are evaluated, and whoever is called is asked what it gives."""

from __future__ import annotations

import ast
from abc import abstractmethod
from typing import TYPE_CHECKING

from .known_calls import FUNCTIONS
from .known_methods import METHODS
from .symbolic_arithmetic import merge_tables
from .symbolic_objects import Objects
from .symbolic_things import Class, Function, Many, Native, Object, Outside, Part, Super, Table
from .symbolic_values import guarded, held, join, via
from .syntax_facts import written

if TYPE_CHECKING:
    from .symbolic_notes import Choice, Frame, Site, Value

# Methods that give back the model, tensor or tokenizer they were called on.
RETURNS_ITSELF = {
    "to",
    "cuda",
    "cpu",
    "eval",
    "half",
    "float",
    "bfloat16",
    "double",
    "requires_grad_",
    "contiguous",
    "detach",
}


class Calls(Objects):
    """Evaluates calls."""

    @abstractmethod
    def store_attribute(self, target: Value, name: str, value: Value, site: Site) -> None:
        """Assign an attribute."""

    @abstractmethod
    def store_item(self, target: Value, key: Value, value: Value, site: Site) -> None:
        """Assign an entry."""

    @abstractmethod
    def enter(self, value: Value, site: Site) -> Value:
        """What ``with`` gives."""

    @abstractmethod
    def import_by_name(self, dotted: str, site: Site) -> Value:
        """Import a module."""

    def call_node(self, node: ast.Call, frame: Frame) -> Value:
        """Evaluate a call's parts, then the call."""
        site = self.site(node, frame)
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            return self._super(frame, site)
        if isinstance(node.func, ast.Name) and node.func.id == "super" and len(node.args) == 2:  # noqa: PLR2004
            after, of = (self.evaluate(argument, frame) for argument in node.args)
            return self.super_of(after, of, site)
        if isinstance(node.func, ast.Name) and node.func.id in {"locals", "vars"} and not node.args:
            return self.make(Table(dict(frame.names.items())), site)
        if isinstance(node.func, ast.Name) and node.func.id == "globals":
            return self.make(Table(_own_names(frame)), site)
        callee = self.evaluate(node.func, frame)
        positional = Many()
        for argument in node.args:
            value = self.evaluate(argument, frame)
            if isinstance(argument, ast.Starred):
                self.extend(positional, value, site)
            else:
                positional.items.append(value)
        named = Table()
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, frame)
            if keyword.arg is None:
                merge_tables(named, value)
            else:
                named.items[keyword.arg] = via(value, f"{keyword.arg}={written(keyword.value)[:60]} ({site})")
        kwargs = {str(name): value for name, value in named.items.items()}
        if named.others:
            kwargs["**"] = join(*(value for _, value in named.others))
        return self.call(callee, tuple(positional.items), kwargs, site)

    def call(self, callee: Value, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site) -> Value:
        """Call each choice of a value."""
        self.step()
        found: list[Value] = []
        before, depth = self.guards, self.depth
        for choice in callee:
            if len(callee) > 1:
                self.guards, self.depth = (*before, *choice.guards), depth + 1
            found.append(
                guarded(self._call_one(choice, args, kwargs, site), *(choice.guards if len(callee) > 1 else ()))
            )
            self.guards, self.depth = before, depth
        return join(*found)

    def _call_one(  # noqa: PLR0911 - one for each kind
        self, choice: Choice, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site
    ) -> Value:
        thing = choice.thing
        if isinstance(thing, Function):
            return self.call_function(thing, args, kwargs, site)
        if isinstance(thing, Class):
            return self.instantiate(thing, args, kwargs, site)
        if isinstance(thing, Native):
            return thing.does(args, kwargs, site)
        if isinstance(thing, Outside):
            known = FUNCTIONS.get(thing.name)
            done = known(self, args, kwargs, site) if known else None
            kind, _, name = thing.name.partition(".")
            if done is None and kind in {"str", "dict", "list"} and name and args:
                return self.call(self._part(args[0], self._key(name, site), "attribute", site), args[1:], kwargs, site)
            return self.foreign(thing.name, (), args, kwargs, site) if done is None else done
        if isinstance(thing, Object) and (method := thing.kind.member("__call__")):
            return self.call(self.bind(method, thing), args, kwargs, site)
        if isinstance(thing, Part) and thing.kind == "attribute":
            return self._call_method(thing, args, kwargs, site)
        return self.foreign("()", (choice,), args, kwargs, site)

    def _call_method(self, method: Part, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site) -> Value:
        """A method of something that is not of the tree: of a string, a dict, a list, a model..."""
        name, receiver = method.name, method.of
        of = receiver[0].thing
        if isinstance(of, Super):
            return self._call_foreign_base(of, name, args, kwargs, site)
        known = METHODS.get(name)
        if known is not None:
            done = known(self, held(receiver[0]), args, kwargs, site)
            if done is not None:
                return done
        if isinstance(of, Object):
            self._read_methods(of, site)
        result = self.foreign(f".{name}", receiver, args, kwargs, site)
        return receiver if name in RETURNS_ITSELF else result


def _own_names(frame: Frame) -> dict[object, Value]:
    """What a module defines itself: ``globals()`` is used to choose among that."""
    return {
        name: value
        for name, value in frame.module.names.items()
        if name[0] != "_"
        and any(isinstance(choice.thing, Function | Class) and choice.thing.frame is frame.module for choice in value)
    }
