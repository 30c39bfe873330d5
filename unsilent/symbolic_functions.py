"""Functions of the tree that are called: arguments are bound, the body is read, what it returns comes back.

A call that comes back to a function which is running is noted and not followed; where it goes down into a dict, as one
that merges settings does, it is followed.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from .symbolic_expressions import Expressions
from .symbolic_notes import Frame, Recursion, Site, Value
from .symbolic_things import Function, Managed, Many, Part, Table, Thing, Unknown
from .symbolic_values import constant, held, join, via
from .syntax_facts import is_generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sources import SourceTree

DEEPEST_CALL = 40  # functions inside functions that are followed
DEEPEST_DESCENT = 6  # calls of a function by itself, with what stands inside what it was given


class Functions(Expressions):
    """Reads functions.

    Attributes:
        recursions: Calls that came back.
        applied: Functions of the tree that were called, with their arguments and results.
    """

    def __init__(self, tree: SourceTree) -> None:
        """Start with nothing read."""
        super().__init__(tree)
        self.recursions: list[Recursion] = []
        self.applied: list[tuple[Function, dict[str, Value], Value, Site]] = []
        self._given: list[dict[str, Value]] = []

    @abstractmethod
    def run_body(self, function: Function, frame: Frame) -> None:
        """Read a function's statements."""

    def call_function(
        self,
        function: Function,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
        site: Site,
        on_yield: Callable[[Value], None] | None = None,
    ) -> Value:
        """Read a function's body with these arguments; ``on_yield`` is told what it yields, as it does."""
        if function.manages and on_yield is None:
            return self.make(Managed(function, args, kwargs), site)
        frame = Frame(function.frame.source, outer=function.frame, function=function, on_yield=on_yield)
        args = (*function.bound, *function.given, *args)
        self._fill(function, frame, args, function.named | kwargs, site)
        same = [
            place
            for place, running in enumerate(self.stack)
            if running.node is function.node and running.frame is function.frame
        ]
        if same and not (len(same) < DEEPEST_DESCENT and self._descends(self._given[same[-1]], frame.names)):
            since = self._entered[same[-1]]
            self.recursions.append(Recursion(function, dict(frame.names), self.guards[since:], site))
            return self.make(Unknown("recursion"), site)
        if len(self.stack) >= DEEPEST_CALL:
            return self.make(Unknown("too deep"), site)
        given = dict(frame.names)
        before, depth = self.guards, self.depth
        self.stack = (*self.stack, function)
        self._entered.append(len(before))
        self._given.append(given)
        if is_generator(function.node):
            frame.yields = []
        self.run_body(function, frame)
        self.stack = self.stack[:-1]
        self._entered.pop()
        self._given.pop()
        self.guards, self.depth = before, depth
        if frame.yields is not None:
            yielded = [via(value, f"yielded by {function.name}") for value in frame.yields]
            result = self.make(Many(yielded, whole=frame.yields_all), site)
        else:
            result = join(*frame.returns)
        self.applied.append((function, given, result, site))
        return result

    @staticmethod
    def _descends(before: dict[str, Value], given: dict[str, Value]) -> bool:
        """Whether a function that calls itself goes on with what stands inside a dict it was given."""
        return any(
            value and {id(choice.thing) for choice in value} <= _inside(before[name])
            for name, value in given.items()
            if name in before
        )

    def _fill(
        self, function: Function, frame: Frame, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site
    ) -> None:
        """Bind arguments to parameters; what is missing takes its default, or is unknown."""
        spec = function.node.args
        names = [argument.arg for argument in (*spec.posonlyargs, *spec.args)]
        for name, value in zip(names, args, strict=False):
            frame.names[name] = value
        left = {name: value for name, value in kwargs.items() if name != "**"}
        loose = kwargs.get("**")
        for name in (*names, *(argument.arg for argument in spec.kwonlyargs)):
            if name in left:
                frame.names[name] = left.pop(name)
            elif name not in frame.names:
                default = function.defaults.get(name)
                if default is not None:
                    frame.names[name] = via(default, f"default of {name} in {function.name}")
                    if loose is not None:
                        unknown = self.make(Part(loose, self._key(name, site), "item"), site)
                        frame.names[name] = join(frame.names[name], unknown)
                else:
                    frame.names[name] = self.make(Unknown(f"{function.name}.{name}"), site)
        if spec.vararg:
            rest = list(args[len(names) :])
            starred = any(choice.thing for value in rest for choice in value if _is_loose(choice.thing))
            frame.names[spec.vararg.arg] = self.make(Many(rest, whole=not starred), site)
        if spec.kwarg:
            table = Table(dict(left.items()))
            if loose is not None:
                table.others.append((loose, loose))
            frame.names[spec.kwarg.arg] = self.make(table, site)


def _inside(value: Value) -> set[int]:
    """What stands in a dict that is known, and in lists of dicts."""
    found: set[int] = set()
    for choice in map(held, value):
        thing = choice.thing
        if isinstance(thing, Table):
            found |= {id(inner.thing) for item in thing.items.values() for inner in item}
        elif isinstance(thing, Many) and any(isinstance(one.thing, Table) for item in thing.items for one in item):
            found |= {id(inner.thing) for item in thing.items for inner in item}
    return found


def _is_loose(thing: Thing) -> bool:
    """Whether an argument is one of a list whose length nobody knows."""
    return isinstance(thing, Part) and thing.kind == "item" and constant(thing.key) is None
