"""The kinds of things that a name may stand for in code that is read, and what is noted of calls.

A *thing* is a constant, a text with holes, a table, an object, or what an unknown call would give. A *value* is the
things that a name may stand for, each a *choice* with the conditions under which it is the one (its guards), where it
was written (its site) and how it got here (its path). Values are joined and asked in ``symbolic_values``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .syntax_facts import is_of_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sources import Source
    from .symbolic_notes import Call, Frame, Site, Value

ENUMERATIONS = {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"}
MOST_CLASSES = 100  # that one class inherits from, and that are looked at


@dataclass(eq=False, slots=True)
class Thing:
    """What a name may stand for.

    Attributes:
        attrs: Attributes that were assigned, or read once and so kept.
        born: How many undecided conditions stood around its making.
    """

    attrs: dict[str, Value] = field(default_factory=dict, init=False, repr=False)
    born: int = field(default=0, init=False, repr=False)


@dataclass(eq=False, slots=True)
class Const(Thing):
    """A constant; ``kind`` where it is a member of an enumeration of strings or numbers."""

    value: object
    kind: Class | None = None


@dataclass(eq=False, slots=True)
class Text(Thing):
    """A string with holes: pieces that are known, and values that are not."""

    parts: tuple[str | Value, ...]


@dataclass(eq=False, slots=True)
class Outside(Thing):
    """Something of another package, by its dotted name; a built-in by its own."""

    name: str


@dataclass(eq=False, slots=True)
class Unknown(Thing):
    """Something nobody can know: an argument of an entry point, an exception, too much."""

    name: str


@dataclass(eq=False, slots=True)
class Package(Thing):
    """A module of the tree."""

    source: Source
    frame: Frame


@dataclass(eq=False, slots=True)
class Function(Thing):
    """A function of the tree, with what it is bound to.

    One that ``manages`` is a generator used by ``with``; one that ``stands_for`` another is known by the other's name;
    some arguments may be ``given`` before it is called, after what it is bound to.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Frame
    owner: Class | None = None
    kind: Literal["plain", "static", "class", "property"] = "plain"
    bound: tuple[Value, ...] = ()
    manages: bool = False
    named: dict[str, Value] = field(default_factory=dict)
    defaults: dict[str, Value] = field(default_factory=dict)
    stands_for: str = ""
    given: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        """Its name, or that it has none."""
        return self.stands_for or getattr(self.node, "name", "lambda")


@dataclass(eq=False, slots=True)
class Class(Thing):
    """A class of the tree; ``attrs`` holds its members."""

    name: str
    node: ast.ClassDef
    frame: Frame
    bases: tuple[Thing, ...] = ()
    is_record: bool = False
    _order: list[Class] = field(default_factory=list, init=False, repr=False)

    def order(self) -> list[Class]:
        """The class and those of the tree that it inherits from, nearest first."""
        if not self._order:
            inherited = [one for base in self.bases if isinstance(base, Class) for one in base.order()]
            shared_last = list(dict.fromkeys(reversed(inherited)))[::-1]
            self._order = [self, *shared_last][:MOST_CLASSES]
        return self._order

    def foreign(self) -> str:
        """The dotted name of the first foreign class that it inherits from; empty where there is none."""
        return next(iter(self.all_foreign()), "")

    def all_foreign(self) -> list[str]:
        """The dotted names of all foreign classes that it inherits from."""
        return [base.name for one in self.order() for base in one.bases if isinstance(base, Outside)]

    @property
    def is_enumeration(self) -> bool:
        """Whether it inherits from one of ``enum``."""
        return any(name.rpartition(".")[2] in ENUMERATIONS for name in self.all_foreign())

    @property
    def is_tuple(self) -> bool:
        """Whether it is a named tuple."""
        return any(name.rpartition(".")[2] == "NamedTuple" for name in self.all_foreign())

    def fields(self) -> dict[str, Value | None]:
        """The fields of a record, in order, with their defaults."""
        return {
            node.target.id: kind.attrs.get(node.target.id)
            for kind in reversed(self.order())
            for node in kind.node.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and not is_of_class(node.annotation)
        }

    def members(self) -> list[Value]:
        """The members of an enumeration, in order."""
        return [value for one in reversed(self.order()) for value in one.attrs.values() if is_member(value)]

    def member(self, name: str, after: Class | None = None) -> Value | None:
        """Look a member up; ``after`` a class, as ``super()`` does."""
        order = self.order()
        if after in order:
            order = order[order.index(after) + 1 :]
        return next((one.attrs[name] for one in order if name in one.attrs), None)


@dataclass(eq=False, slots=True)
class Object(Thing):
    """An instance of a class of the tree; ``base`` is what the foreign class under it was made with."""

    kind: Class
    base: Value = ()


@dataclass(eq=False, slots=True)
class Native(Thing):
    """Something callable that Python's library made: a partial of foreign code, an ``itemgetter``."""

    name: str
    made_of: tuple[Value, ...]
    does: Callable[[tuple[Value, ...], dict[str, Value], Site], Value]


@dataclass(eq=False, slots=True)
class Managed(Thing):
    """What a generator gives that is decorated with ``contextmanager``: it is read where it is entered."""

    function: Function
    args: tuple[Value, ...]
    kwargs: dict[str, Value]


@dataclass(eq=False, slots=True)
class Super(Thing):
    """``super()`` inside a method."""

    of: Object | Class
    after: Class


@dataclass(eq=False, slots=True)
class Table(Thing):
    """A dict: values by known keys, pairs of which the key is not known, and the file that it was read from."""

    items: dict[object, Value] = field(default_factory=dict)
    others: list[tuple[Value, Value]] = field(default_factory=list)
    read_from: Value = ()


@dataclass(eq=False, slots=True)
class Many(Thing):
    """A list, tuple, set or generator; ``whole`` while every element and their number are known.

    One that is ``blank`` holds a placeholder, repeated so many times, and waits to be filled.
    """

    items: list[Value] = field(default_factory=list)
    whole: bool = True
    blank: Value = ()


@dataclass(eq=False, slots=True)
class Result(Thing):
    """What a call of foreign code gives."""

    call: Call


@dataclass(eq=False, slots=True)
class Part(Thing):
    """An attribute or element of something that is not known."""

    of: Value
    key: Value
    kind: Literal["attribute", "item"]

    @property
    def name(self) -> str:
        """The attribute's name."""
        known = self.key[0].thing if len(self.key) == 1 else None
        return str(known.value if isinstance(known, Const) else None)


@dataclass(eq=False, slots=True)
class Op(Thing):
    """An operation of which the result is not known: ``+``, ``<``, ``not``, ``and``, ``[:]``, ``*``..."""

    name: str
    operands: tuple[Value, ...]


@dataclass(eq=False, slots=True)
class Later(Thing):
    """A name of a module that is still being imported."""

    source: Source
    name: str


def is_member(value: Value) -> bool:
    """Whether a value is a member of an enumeration of the tree."""
    return len(value) == 1 and isinstance(value[0].thing, Const | Object) and "_name_" in value[0].thing.attrs
