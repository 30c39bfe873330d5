"""``if``, ``match`` and ``try``: every branch that may be taken is read, and what they leave is joined.

A branch that ends (``return``, ``raise``, ``continue``) leaves its condition, denied, around what follows.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from .symbolic_arithmetic import truth
from .symbolic_notes import Frame, Guard, Value
from .symbolic_patterns import Patterns
from .symbolic_values import guarded, join
from .syntax_facts import names_asked

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

Names = dict[str, "Value"]
NAMES_A_STEP = 16  # that are joined in the time of one step


class Branches(Patterns):
    """Reads branches."""

    @abstractmethod
    def statements(self, body: list[ast.stmt], frame: Frame) -> bool:
        """Read statements; whether what follows them can be reached. Conditions they leave stand around that."""

    @abstractmethod
    def block(self, body: list[ast.stmt], frame: Frame) -> bool:
        """The same, but conditions end with the statements."""

    def meet(self, before: Names, ends: Sequence[tuple[Names, Guard | None]]) -> Names:
        """Join the names of several ways; many names take many steps."""
        self.step(1 + len(before) // NAMES_A_STEP)
        return merge_names(before, ends)

    def _if(self, node: ast.If, frame: Frame) -> bool:
        test = self.evaluate(node.test, frame)
        decided = truth(test)
        if decided is not None:
            return self.statements(node.body if decided else node.orelse, frame)
        site, before, names, depth = self.site(node, frame), self.guards, dict(frame.names), self.depth
        ends: list[tuple[Names, Guard]] = []
        for body, holds in ((node.body, True), (node.orelse, False)):
            guard = self.note(test, holds=holds, site=site)
            frame.names = dict(names)
            self._narrow(node.test, frame, holds=holds)
            self.guards, self.depth = (*before, guard), depth + 1
            if self.statements(body, frame):
                ends.append((frame.names, guard))
            self.guards, self.depth = before, depth
        if len(ends) == 1:
            frame.names, guard = ends[0]
            self.guards = (*before, guard)
            return True
        frame.names = self.meet(names, ends)
        return bool(ends)

    def _narrow(self, test: ast.expr, frame: Frame, *, holds: bool) -> None:
        """Inside a branch a name stands only for the choices for which its condition holds."""
        for name in names_asked(test):
            value = frame.names.get(name, ())
            if len(value) > 1:
                kept = []
                for choice in value:
                    frame.names[name] = (choice,)
                    if truth(self.evaluate(test, frame)) in {holds, None}:
                        kept.append(choice)
                frame.names[name] = tuple(kept) if 0 < len(kept) < len(value) else value

    def _match(self, node: ast.Match, frame: Frame) -> bool:
        subject, site = self.evaluate(node.subject, frame), self.site(node, frame)
        before, names, depth = self.guards, dict(frame.names), self.depth
        ends: list[tuple[Names, Guard | None]] = []
        passed: tuple[Guard, ...] = ()  # conditions under which no case before was taken
        for case in node.cases:
            frame.names = dict(names)
            fits = self.fits(case.pattern, subject, frame)
            if fits is False:
                continue
            self.guards, self.depth = (*before, *passed), depth + bool(passed)
            asked = self.evaluate(case.guard, frame) if case.guard else None
            decided = truth(asked) if asked is not None else True
            if decided is False:
                continue
            guard = Guard("if", subject, holds=True, site=site)
            if asked is not None and decided is None:
                guard = self.note(asked, holds=True, site=self.site(case.pattern, frame))
            is_last = fits is True and decided is True
            certain = is_last and not passed
            self.guards = self.guards if is_last else (*self.guards, guard)
            self.depth = depth + (not certain)
            if self.statements(case.body, frame):
                ends.append((frame.names, None if certain else guard))
            self.guards, self.depth = before, depth
            if is_last:
                break
            passed = (*passed, Guard("if", guard.test, holds=False, site=site))
        else:
            ends.append((names, Guard("if", subject, holds=False, site=site) if passed else None))
        if len(ends) == 1:
            frame.names, only = ends[0]
            self.guards = before if only is None else (*before, only)
            return True
        frame.names = self.meet(names, ends)
        return bool(ends)

    def _try(self, node: ast.Try, frame: Frame) -> bool:
        names, before, depth = dict(frame.names), self.guards, self.depth
        left = before
        goes_on = self.block(node.body, frame)
        after = frame.names
        if goes_on:
            goes_on = self.block(node.orelse, frame)
        ends: list[tuple[Names, Guard | None]] = [(frame.names, None)] if goes_on else []
        for handler in node.handlers:
            site = self.site(handler, frame)
            kind = self.evaluate(handler.type, frame) if handler.type else self._unknown("any exception", site)
            guard = Guard("except", kind, holds=True, site=site)
            frame.names = self.meet(names, [(dict(names), None), (dict(after), None)])
            if handler.name:
                frame.names[handler.name] = self._unknown("exception", site)
            self.guards, self.depth = (*before, guard), depth + 1
            if self.statements(handler.body, frame):
                ends.append((frame.names, guard))
                left = self.guards
            self.guards, self.depth = before, depth
        frame.names = self.meet(names, ends) if ends else after
        if len(ends) == 1 and ends[0][1] is not None:  # what follows is only come to through this handler
            self.guards = left
        return self.block(node.finalbody, frame) and bool(ends)

    _trystar = _try


def merge_names(before: Names, ends: Sequence[tuple[Names, Guard | None]]) -> Names:
    """Join the names of several ways that meet; what a way changed carries its condition."""
    if not ends:
        return {}
    merged = dict(ends[0][0])
    changed = {
        name
        for names, guard in ends
        for name, value in names.items()
        if merged.get(name) is not value or (guard is not None and before.get(name) is not value)
    }
    for names, _ in ends[1:]:
        changed |= merged.keys() - names.keys()
    for name in sorted(changed):
        found: list[Value] = []
        for names, guard in ends:
            value = names.get(name)
            if value is not None:
                own = guard is not None and value is not before.get(name)
                found.append(guarded(value, guard) if own and guard is not None else value)
        merged[name] = join(*found)
    return merged
