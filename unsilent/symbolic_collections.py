"""Lists, dicts and comprehensions as they are written down."""

from __future__ import annotations

import ast
from abc import abstractmethod
from typing import TYPE_CHECKING

from .symbolic_arithmetic import merge_tables, truth
from .symbolic_entries import Entries
from .symbolic_notes import Frame, Guard, Value
from .symbolic_things import Many, Table
from .symbolic_values import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ROUNDS = 40  # of a loop over a known list that are read one by one


class Collections(Entries):
    """Evaluates displays and comprehensions."""

    @abstractmethod
    def evaluate(self, node: ast.expr, frame: Frame) -> Value:
        """Evaluate an expression."""

    def _list(self, node: ast.List | ast.Tuple | ast.Set, frame: Frame) -> Value:
        made = Many()
        for item in node.elts:
            value = self.evaluate(item, frame)
            if isinstance(item, ast.Starred):
                self.extend(made, value, self.site(item, frame))
            else:
                made.items.append(value)
        return self.make(made, self.site(node, frame))

    _tuple = _set = _list

    def _dict(self, node: ast.Dict, frame: Frame) -> Value:
        made = Table()
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.evaluate(item, frame)
            if key is None:
                merge_tables(made, value)
            else:
                self.put(made, self.evaluate(key, frame), value, strongly=True)
        return self.make(made, self.site(node, frame))

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, frame: Frame) -> Value:
        made, before = Many(), len(self.guards)
        for inner, certain in self._each(list(node.generators), frame):
            made.items.append(guarded(self.evaluate(node.elt, inner), *self.guards[before:]))
            made.whole = made.whole and certain
        return self.make(made, self.site(node, frame))

    _setcomp = _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp, frame: Frame) -> Value:
        made = Table()
        for inner, certain in self._each(list(node.generators), frame):
            self.put(made, self.evaluate(node.key, inner), self.evaluate(node.value, inner), strongly=certain)
        return self.make(made, self.site(node, frame))

    def _each(self, generators: list[ast.comprehension], frame: Frame) -> Iterator[tuple[Frame, bool]]:
        """Yield a frame for each round of a comprehension, under its conditions, and whether it surely takes place."""
        if not generators:
            yield frame, True
            return
        first, *rest = generators
        site = self.site(first.target, frame)
        over = self.evaluate(first.iter, frame)
        known = self.elements(over)
        rounds = known if known is not None and len(known) <= MOST_ROUNDS else self.pairs(over, site)
        before, depth = self.guards, self.depth
        for item in rounds:
            inner = Frame(frame.source, outer=frame, function=frame.function, is_comprehension=True)
            self.assign(first.target, item, inner)
            certain = rounds is known
            self.guards = before if certain else (*before, Guard("loop", over, holds=True, site=site))
            decided: bool | None = True
            for test in first.ifs:
                value = self.evaluate(test, inner)
                decided = truth(value)
                if decided is None:
                    self.guards = (*self.guards, self.note(value, holds=True, site=self.site(test, frame)))
                    certain = False
                elif not decided:
                    break
            self.depth = depth + (not certain)
            if decided is not False:
                for deeper, sure in self._each(rest, inner):
                    yield deeper, sure and certain
            self.guards, self.depth = before, depth

    @abstractmethod
    def assign(self, target: ast.expr, value: Value, frame: Frame) -> None:
        """Give a target its value."""
