"""Where the reading of code stands, and what is put into lists and dicts and taken out of them.

The reader is one class in storeys, each a module, each inheriting from the one below:

    symbolic_parts        state, budget, lists and dicts
    symbolic_attributes   attributes of things
    symbolic_entries      entries of dicts and lists
    symbolic_collections  displays and comprehensions
    symbolic_expressions  all other expressions
    symbolic_functions    functions of the tree that are called
    symbolic_foreign      calls of foreign code, and what it may call back
    symbolic_objects      classes of the tree that are called
    symbolic_calls        whatever else is called
    symbolic_stores       assignments
    symbolic_patterns     patterns of match
    symbolic_branches     if, match, try
    symbolic_loops        for, while
    symbolic_contexts     with
    symbolic_definitions  def and class
    symbolic_imports      modules
    symbolic_statements   all other statements; the ``Reader``

Nothing is ever imported, executed or guessed: what is not understood becomes an ``Op``, a ``Part`` or an ``Unknown``
that keeps what it was made from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from .reading_room import GLANCE, TooMuch, budget
from .symbolic_notes import Call, Frame, Guard, Site, Value
from .symbolic_things import Class, Const, Function, Many, Object, Part, Result, Table, Thing, Unknown
from .symbolic_values import constant, guarded, held, join, one

if TYPE_CHECKING:
    import ast

    from .sources import SourceTree


# A submission of 500 lines takes about 20,000 steps a run, however it is called; endless code stops here.
MOST_STEPS = 300_000
MOST_NUMBERS = 16  # of a range that are gone through one by one
MOST_KEYS = 4  # of which an entry may have one, and is read as if it had each


class Parts(ABC):
    """Takes lists and dicts apart, and keeps what was met on the way.

    Attributes:
        calls: Foreign calls, in order.
        tests: Conditions that were met and could not be decided.
        guards: What stands around the statement that is being read.
        depth: How many branches and loops are open, early exits not counted.
        stack: The functions of the tree that are running, outermost first.
    """

    def __init__(self, tree: SourceTree) -> None:
        """Start with nothing read."""
        self.tree = tree
        self.calls: list[Call] = []
        self.tests: list[Guard] = []
        self.guards: tuple[Guard, ...] = ()
        self.depth = 0
        self.stack: tuple[Function, ...] = ()
        self.steps = self._told = 0
        self._entered: list[int] = []
        self._budget = budget()
        self.order = 0

    @abstractmethod
    def call(self, callee: Value, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site) -> Value:
        """Call something."""

    @abstractmethod
    def member_of(self, module: str, name: str, site: Site) -> Value:
        """Look a name of a module of the tree up."""

    def step(self, count: int = 1) -> None:
        """Count, and stop what has no end.

        Raises:
            TooMuch: After ``MOST_STEPS``, or when the budget of the whole submission is spent.
        """
        self.steps += count
        if self.steps > MOST_STEPS:
            raise TooMuch
        if self.steps >= self._told + GLANCE:
            self._budget.step(self.steps - self._told)
            self._told = self.steps

    def make(self, thing: Thing, site: Site) -> Value:
        """Make a certain value, born where the reading stands."""
        thing.born = self.depth
        return one(thing, site)

    def site(self, node: ast.AST, frame: Frame) -> Site:
        """Where a node stands."""
        return Site(frame.source.file, getattr(node, "lineno", 0))

    def _unknown(self, name: str, site: Site) -> Value:
        return self.make(Unknown(name), site)

    def _key(self, name: str, site: Site) -> Value:
        return self.make(Const(name), site)

    def _part(self, of: Value, key: Value, kind: Any, site: Site) -> Value:  # noqa: ANN401 - a literal of Part
        return self.make(Part(of, key, kind), site)

    def note(self, test: Value, *, holds: bool, site: Site) -> Guard:
        """Keep a condition that could not be decided."""
        guard = Guard("if", test, holds, site)
        self.tests.append(guard)
        return guard

    def put(self, table: Table, key: Value, value: Value, *, strongly: bool = False) -> None:
        """``table[key] = value``, for certain or perhaps."""
        known = constant(key)
        if len(key) == 1 and isinstance(key[0].thing, Const) and isinstance(known, str | int | float | bool | bytes):
            strongly = strongly or self.depth <= table.born
            before = () if strongly else table.items.get(known, ())
            table.items[known] = join(before, value if strongly else guarded(value, *self.guards))
        elif 1 < len(key) <= MOST_KEYS and all(isinstance(constant((one_key,)), str) for one_key in key):
            for one_key in key:  # the name depends: either may be there
                self.put(table, (one_key,), guarded(value, *one_key.guards))
        else:
            table.others.append((key, guarded(value, *self.guards)))

    def elements(self, value: Value) -> list[Value] | None:
        """Every element of a collection, in order, where all are known."""
        thing = held(value[0]).thing if len(value) == 1 else None
        if isinstance(thing, Many) and thing.whole:
            return list(thing.items)
        if isinstance(thing, Table) and not thing.others:
            return [one(Const(key), value[0].site) for key in thing.items]
        if isinstance(thing, Class) and thing.is_enumeration:
            return thing.members()
        if isinstance(thing, Result) and thing.call.name == "range":
            return _numbers(thing.call)
        if isinstance(thing, Object) and thing.kind.is_tuple:
            return [thing.attrs[name] for name in thing.kind.fields() if name in thing.attrs]
        return None


def _numbers(call: Call) -> list[Value] | None:
    """The numbers of a ``range`` whose ends are written down, where they are few."""
    ends = [end for end in map(constant, call.args) if isinstance(end, int)]
    known = range(*ends) if ends and len(ends) == len(call.args) and 0 not in ends[2:] else range(MOST_NUMBERS + 1)
    return [one(Const(number), call.site) for number in known] if len(known) <= MOST_NUMBERS else None
