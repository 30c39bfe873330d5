"""``with``: what is managed is entered, the body is read, and it is left again, in this order.

A generator that is decorated with ``contextmanager`` is read up to its ``yield``, where the body of the ``with`` takes
its turn, and then to its end: what it changes, and changes back, holds in the body and not after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .symbolic_loops import Loops
from .symbolic_notes import Guard
from .symbolic_things import Managed, Object, Result

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable

    from .symbolic_notes import Frame, Site, Value

SUPPRESS = "contextlib.suppress"


class _Entered(Exception):
    """A generator has reached its ``yield``."""


class Contexts(Loops):
    """Reads context managers."""

    def _with(self, node: ast.With, frame: Frame) -> bool:
        return self._entered_one_by_one(list(node.items), node.body, frame)

    _asyncwith = _with

    def _entered_one_by_one(self, items: list[ast.withitem], body: list[ast.stmt], frame: Frame) -> bool:
        if not items:
            return self.statements(body, frame)
        item, *rest = items
        value, site = self.evaluate(item.context_expr, frame), self.site(item.context_expr, frame)

        def inside(entered: Value) -> bool:
            if item.optional_vars is not None:
                self.assign(item.optional_vars, entered, frame)
            return self._entered_one_by_one(rest, body, frame)

        thing = value[0].thing if len(value) == 1 else None
        if isinstance(thing, Result) and thing.call.name == SUPPRESS:  # try, and an except that does nothing
            names, guard = dict(frame.names), Guard("except", value, holds=True, site=site)
            ends: list[tuple[dict[str, Value], Guard | None]] = [(names, guard)]
            if inside(value):
                ends.append((frame.names, None))
            frame.names = self.meet(names, ends)
            return True
        if isinstance(thing, Managed):
            goes_on = self._around(thing, inside, site)
        else:
            goes_on = inside(self.enter(value, site))
            if isinstance(thing, Object) and (leave := thing.kind.member("__exit__")):
                nothing = tuple(self._unknown("exception", site) for _ in range(3))
                self.call(self.bind(leave, thing), nothing, {}, site)
        return goes_on

    def _around(self, managed: Managed, inside: Callable[[Value], bool], site: Site) -> bool:
        """Read a generator, and what stands inside the ``with`` where it yields."""
        stack, entered, went = self.stack, list(self._entered), list[bool]()

        def turn(value: Value) -> None:
            if len(went) < 2:  # noqa: PLR2004 - two branches may yield
                running = self.stack, self._entered
                self.stack, self._entered = stack, entered
                went.append(inside(value))
                self.stack, self._entered = running

        self.call_function(managed.function, managed.args, managed.kwargs, site, turn)
        return any(went) if went else inside(self._unknown("entered", site))

    def enter(self, value: Value, site: Site) -> Value:
        """What ``__enter__`` gives; a generator is left at its ``yield``."""
        thing = value[0].thing if len(value) == 1 else None
        if isinstance(thing, Object) and (method := thing.kind.member("__enter__")):
            return self.call(self.bind(method, thing), (), {}, site)
        if not isinstance(thing, Managed):
            return value
        before = self.guards, self.depth, self.stack, list(self._entered)
        given: list[Value] = []

        def stop(value: Value) -> None:
            given.append(value)
            raise _Entered

        try:
            self.call_function(thing.function, thing.args, thing.kwargs, site, stop)
        except _Entered:
            self.guards, self.depth, self.stack, self._entered = before
        return given[0] if given else self._unknown("entered", site)
