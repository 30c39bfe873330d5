"""What is noted while code is read: where something stands, under which conditions, which calls and stores were met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sources import Source
    from .symbolic_things import Class, Function, Thing


class Site(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(eq=False, slots=True)
class Guard:
    """A condition that stands around something: of an if, of a handler, being in a loop, or one of several."""

    kind: Literal["if", "except", "loop", "either"]
    test: Value
    holds: bool
    site: Site


@dataclass(eq=False, slots=True)
class Choice:
    """One thing that a value may be."""

    thing: Thing
    site: Site
    guards: tuple[Guard, ...] = ()
    path: tuple[str, ...] = ()


Value: TypeAlias = tuple[Choice, ...]


@dataclass(eq=False, slots=True)
class Call:
    """A call of foreign code, as it was met.

    Attributes:
        name: Dotted name of a function, ``.name`` of a method, ``()`` where a thing itself is called.
        receiver: Whose method it is.
        args: Positional arguments.
        kwargs: Named ones, those of known dicts passed with ``**`` among them.
        site: Where it stands.
        guards: What stands around it, in its own function and around the calls that led there.
        stack: The functions of the tree that were running, outermost first.
        order: Its number among all calls and stores.
    """

    name: str
    receiver: Value
    args: tuple[Value, ...]
    kwargs: dict[str, Value]
    site: Site
    guards: tuple[Guard, ...]
    stack: tuple[Function, ...]
    order: int

    @property
    def last(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]

    def argument(self, name: str, position: int | None = None) -> Value:
        """An argument by name, else by position; no choice where it is not given."""
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if position is not None and position < len(self.args) else ()


@dataclass(eq=False, slots=True)
class Store:
    """An attribute or element of something that was assigned.

    Attributes:
        target: Of what.
        name: The attribute's name; empty for an element.
        key: The element's key.
        value: What it became.
        site: Where.
        guards: What stands around it.
        stack: The functions that were running.
        order: Its number among all calls and stores.
    """

    target: Value
    name: str
    key: Value
    value: Value
    site: Site
    guards: tuple[Guard, ...]
    stack: tuple[Function, ...]
    order: int


@dataclass(eq=False, slots=True)
class Recursion:
    """A call that comes back to a function that is still running.

    Attributes:
        function: Which.
        args: What it is called with, by the names of its parameters.
        guards: What stands around the call, since that function began.
        site: Where it is called.
    """

    function: Function
    args: dict[str, Value]
    guards: tuple[Guard, ...]
    site: Site


@dataclass(eq=False, slots=True)
class Frame:
    """The names of one running function, class body or module."""

    source: Source
    names: dict[str, Value] = field(default_factory=dict)
    outer: Frame | None = None
    function: Function | None = None
    owner: Class | None = None
    elsewhere: dict[str, Frame] = field(default_factory=dict)
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] | None = None
    yields_all: bool = True
    leaves: list[list[dict[str, Value]]] = field(default_factory=list)
    breaks: list[list[tuple[dict[str, Value], Guard | None]]] = field(default_factory=list)
    on_yield: Callable[[Value], None] | None = None
    is_comprehension: bool = False

    @property
    def module(self) -> Frame:
        """The frame of the module."""
        frame = self
        while frame.outer is not None:
            frame = frame.outer
        return frame
