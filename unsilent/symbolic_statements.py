"""Statements, one after the other; with them the reader is complete."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .symbolic_arithmetic import truth
from .symbolic_imports import Imports
from .symbolic_things import Const, Function
from .symbolic_values import guarded, via
from .syntax_facts import READ_BY, written

if TYPE_CHECKING:
    from .symbolic_notes import Frame


class Reader(Imports):
    """Reads a tree from one entry point; everything that it met is kept."""

    def run_body(self, function: Function, frame: Frame) -> None:
        """Read what a function does; one that runs off its end returns None."""
        if isinstance(function.node, ast.Lambda):
            frame.returns.append(self.evaluate(function.node.body, frame))
            return
        before = self.guards
        goes_on = self.statements(function.node.body, frame)
        if goes_on and frame.yields is None:
            value = self.make(Const(None), self.site(function.node.body[-1], frame))
            frame.returns.append(guarded(value, *self.guards[len(before) :]))
        self.guards = before

    def block(self, body: list[ast.stmt], frame: Frame) -> bool:
        """Read statements; whether what follows them can be reached."""
        before = self.guards
        goes_on = self.statements(body, frame)
        self.guards = before
        return goes_on

    def statements(self, body: list[ast.stmt], frame: Frame) -> bool:
        """Read statements; whether what follows them can be reached. Conditions they leave stand around that."""
        for node in body:
            self.step()
            method = getattr(self, READ_BY[type(node)], None)
            if method is not None and not method(node, frame):
                return False
        return True

    def _expr(self, node: ast.Expr, frame: Frame) -> bool:
        self.evaluate(node.value, frame)
        name = written(node.value.func) if isinstance(node.value, ast.Call) else ""
        return name not in {"sys.exit", "exit", "quit", "os._exit"}

    def _return(self, node: ast.Return, frame: Frame) -> bool:
        value = self.evaluate_if_any(node.value, node, frame)
        since = self._entered[-1] if self._entered else 0
        name = frame.function.name if frame.function else "module"
        frame.returns.append(
            via(guarded(value, *self.guards[since:]), f"returned by {name} ({self.site(node, frame)})")
        )
        return False

    def _raise(self, node: ast.Raise, frame: Frame) -> bool:
        self.evaluate_if_any(node.exc, node, frame)
        return False

    def _assert(self, node: ast.Assert, frame: Frame) -> bool:
        test = self.evaluate(node.test, frame)
        decided = truth(test)
        if decided is None:
            self.guards = (*self.guards, self.note(test, holds=True, site=self.site(node, frame)))
        return decided is not False

    def _break(self, _node: ast.stmt, frame: Frame) -> bool:
        for broken in frame.breaks[-1:]:
            broken.append((dict(frame.names), self.guards[-1] if self.guards else None))
        return False

    def _continue(self, _node: ast.stmt, frame: Frame) -> bool:
        for left in frame.leaves[-1:]:
            left.append(dict(frame.names))
        return False
