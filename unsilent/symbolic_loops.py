"""Loops. A loop over a known list is read item by item, another one once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .symbolic_arithmetic import truth
from .symbolic_branches import Branches
from .symbolic_collections import MOST_ROUNDS
from .symbolic_notes import Frame, Guard, Value
from .symbolic_things import Op
from .symbolic_values import constant, join
from .syntax_facts import has_break, names_counted

if TYPE_CHECKING:
    import ast


class Loops(Branches):
    """Reads loops."""

    def _for(self, node: ast.For, frame: Frame) -> bool:
        over = self.evaluate(node.iter, frame)
        site = self.site(node, frame)
        known = self.elements(over)
        if known is not None and 0 < len(known) <= MOST_ROUNDS:
            return self._one_by_one(node, known, frame)
        if known is None or known:
            for item in self.pairs(over, site):
                self._round(node.body, Guard("loop", over, holds=True, site=site), frame, (node.target, item))
        return self._after_loop(node, frame)

    _asyncfor = _for

    def _one_by_one(self, node: ast.For, items: list[Value], frame: Frame) -> bool:
        """Read a loop round by round, until it is left for certain; after a ``break`` that depends, less is certain."""
        start, before = dict(frame.names), self.guards
        broken: list[tuple[dict[str, Value], Guard | None]] = []
        goes_on = True
        for item in items:
            self.assign(node.target, item, frame)
            frame.leaves.append([])
            frame.breaks.append([])
            names = dict(frame.names)
            goes_on = self.block(node.body, frame)
            left, here = frame.leaves.pop(), frame.breaks.pop()
            broken += [(one, guard if guard not in before else None) for one, guard in here]
            if not goes_on and not left:
                goes_on = False
                break
            frame.names = self.meet(names, [(one, None) for one in ([frame.names] if goes_on else []) + left])
            goes_on = True
            self.guards = (*self.guards, *denied([guard for _, guard in here if guard not in before]))
        if goes_on:
            goes_on = self.block(node.orelse, frame)
        last = self.guards[-1] if len(self.guards) > len(before) else None
        self.guards = before
        if broken:
            frame.names = self.meet(start, [*([(frame.names, last)] if goes_on else []), *broken])
        return goes_on or bool(broken)

    def _after_loop(self, node: ast.For | ast.AsyncFor | ast.While, frame: Frame) -> bool:
        """An ``else`` is left out after a ``break``."""
        return self.block(node.orelse, frame) or has_break(node)

    def _while(self, node: ast.While, frame: Frame) -> bool:
        test = self.evaluate(node.test, frame)
        decided = truth(test)
        if decided is not False:
            self._round(node.body, Guard("loop", test, holds=True, site=self.site(node, frame)), frame, None)
        return self._after_loop(node, frame)

    def _round(self, body: list[ast.stmt], guard: Guard, frame: Frame, bound: tuple[ast.expr, Value] | None) -> None:
        """Read a loop's body once; it may also have run never."""
        names, before, depth = dict(frame.names), self.guards, self.depth
        frame.leaves.append([])
        frame.breaks.append([])
        self.guards, self.depth = (*before, guard), depth + 1
        if bound is not None:
            self.assign(*bound, frame)
        goes_on = self.statements(body, frame)
        self.guards, self.depth = before, depth
        left = [*frame.leaves.pop(), *(names for names, _ in frame.breaks.pop()), *([frame.names] if goes_on else [])]
        for name in {name for statement in body for name in names_counted(statement)}:
            for ends in left:
                ends[name] = self._counted(names.get(name, ()), ends.get(name, ()), guard)
        frame.names = self.meet(names, [(names, None), *((one, guard) for one in left)])

    def _counted(self, before: Value, after: Value, guard: Guard) -> Value:
        """A number that every round adds to: after one round it is known, after all of them it is not."""
        as_before = {id(choice.thing) for choice in before}
        grown = tuple(choice for choice in after if id(choice.thing) not in as_before)
        if not grown or not all(isinstance(constant((choice,)), int | float) for choice in (*before, *grown)):
            return after
        unchanged = tuple(choice for choice in after if choice not in grown)
        return join(unchanged, self.make(Op("+", (before, grown)), guard.site))


def denied(guards: list[Guard | None]) -> list[Guard]:
    """That a single condition does not hold; of several nothing is said."""
    only = guards[0] if len(guards) == 1 else None
    return [Guard(only.kind, only.test, not only.holds, only.site)] if only is not None and only.kind == "if" else []
