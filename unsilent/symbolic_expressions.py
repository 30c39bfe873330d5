"""What an expression is worth, without running it."""

from __future__ import annotations

import ast
import builtins
from abc import abstractmethod
from itertools import islice, product

from .symbolic_arithmetic import LONGEST_LIST, LONGEST_TEXT, compute, pieces, truth
from .symbolic_collections import Collections
from .symbolic_comparisons import COMPARED, compare, in_words
from .symbolic_notes import Choice, Frame, Guard, Site, Value
from .symbolic_things import Const, Later, Object, Op, Outside, Text, Thing, Unknown
from .symbolic_values import LONGEST_PATH, MOST_GUARDS, constant, guarded, join
from .syntax_facts import READ_BY

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "__add__",
    ast.Sub: "__sub__",
    ast.Mult: "__mul__",
    ast.Div: "__truediv__",
    ast.BitOr: "__or__",
    ast.BitAnd: "__and__",
    ast.RShift: "__rshift__",
    ast.MatMult: "__matmul__",
}
MOST_PAIRS = 40  # of choices that are calculated with; what they give is unknown long before


class Expressions(Collections):
    """Evaluates expressions."""

    @abstractmethod
    def define(self, node: ast.Lambda, frame: Frame) -> Value:
        """Make a function."""

    @abstractmethod
    def call_node(self, node: ast.Call, frame: Frame) -> Value:
        """Evaluate a call."""

    def evaluate_if_any(self, node: ast.expr | None, of: ast.AST, frame: Frame) -> Value:
        """Evaluate a part that may be missing; without it the value is None's."""
        return self.make(Const(None), self.site(of, frame)) if node is None else self.evaluate(node, frame)

    def evaluate(self, node: ast.expr, frame: Frame) -> Value:
        """Evaluate an expression."""
        self.step()
        method = getattr(self, READ_BY[type(node)], None)
        if method is None:
            inner = [self.evaluate(child, frame) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
            return self.make(Op(type(node).__name__, tuple(inner)), self.site(node, frame))
        found: Value = method(node, frame)
        return found

    def look_up(self, name: str, frame: Frame, site: Site) -> Value:
        """Follow a name outwards, to the built-ins at last."""
        here: Frame | None = frame
        while here is not None:
            if name in here.names and not (here.owner is not None and here is not frame):  # a class body has no scope
                return self._arrived(here.names[name], site)
            here = here.outer
        thing: Thing = Outside(name) if hasattr(builtins, name) else Unknown(name)
        for choice in frame.module.names.get("*", ()) if isinstance(thing, Unknown) else ():
            thing = Outside(f"{getattr(choice.thing, 'name', '')}.{name}")  # from somewhere import *
        return self.make(thing, site)

    def _arrived(self, value: Value, site: Site) -> Value:
        """Resolve names of modules that were still being imported."""
        if not any(isinstance(choice.thing, Later) for choice in value):
            return value
        found: list[Value] = []
        for choice in value:
            if isinstance(choice.thing, Later):
                found.append(self.member_of(choice.thing.source.name, choice.thing.name, site))
            else:
                found.append((choice,))
        return join(*found)

    def _name(self, node: ast.Name, frame: Frame) -> Value:
        return self.look_up(node.id, frame, self.site(node, frame))

    def _constant(self, node: ast.Constant, frame: Frame) -> Value:
        return self.make(Const(node.value), self.site(node, frame))

    def _lambda(self, node: ast.Lambda, frame: Frame) -> Value:
        return self.define(node, frame)

    def _call(self, node: ast.Call, frame: Frame) -> Value:
        return self.call_node(node, frame)

    def _namedexpr(self, node: ast.NamedExpr, frame: Frame) -> Value:
        value = self.evaluate(node.value, frame)
        while frame.is_comprehension and frame.outer is not None:
            frame = frame.outer
        frame.names[node.target.id] = value
        return value

    def _await(self, node: ast.Await, frame: Frame) -> Value:
        return self.evaluate(node.value, frame)

    def _starred(self, node: ast.Starred, frame: Frame) -> Value:
        return self.evaluate(node.value, frame)

    def _yield(self, node: ast.Yield, frame: Frame) -> Value:
        value = self.evaluate_if_any(node.value, node, frame)
        if frame.on_yield is not None:
            frame.on_yield(value)
        elif frame.yields is not None:
            own = self.guards[self._entered[-1] if self._entered else 0 :]
            frame.yields.append(guarded(value, *own))
            frame.yields_all = frame.yields_all and not own
        return self.make(Unknown("sent"), self.site(node, frame))

    def _yieldfrom(self, node: ast.YieldFrom, frame: Frame) -> Value:
        value = self.evaluate(node.value, frame)
        if frame.yields is not None:
            own = self.guards[self._entered[-1] if self._entered else 0 :]
            known = self.elements(value)
            frame.yields += [guarded(one, *own) for one in known or [self.element(value, self.site(node, frame))]]
            frame.yields_all = frame.yields_all and not own and known is not None
        return self.make(Unknown("sent"), self.site(node, frame))

    def _ifexp(self, node: ast.IfExp, frame: Frame) -> Value:
        test = self.evaluate(node.test, frame)
        decided = truth(test)
        if decided is not None:
            return self.evaluate(node.body if decided else node.orelse, frame)
        site, before = self.site(node, frame), self.guards
        found = []
        for branch, holds in ((node.body, True), (node.orelse, False)):
            guard = self.note(test, holds=holds, site=site)
            self.guards = (*before, guard)
            self.depth += 1
            found.append(guarded(self.evaluate(branch, frame), guard))
            self.guards, self.depth = before, self.depth - 1
        return join(*found)

    def _boolop(self, node: ast.BoolOp, frame: Frame) -> Value:
        wanted = isinstance(node.op, ast.Or)  # the truth that ends it
        site, before, depth = self.site(node, frame), self.guards, self.depth
        values: list[Value] = []
        for item in node.values:
            value = self.evaluate(item, frame)
            decided = truth(value)
            if decided is not None and decided != wanted and item is not node.values[-1]:
                continue
            values.append(value)
            if decided == wanted:
                break
            guard = Guard("if", value, not wanted, site)
            self.guards, self.depth = (*self.guards, guard), self.depth + 1
        self.guards, self.depth = before, depth
        if len(values) == 1:
            return values[0]
        return self.make(Op("or" if wanted else "and", tuple(values)), site)

    def _unaryop(self, node: ast.UnaryOp, frame: Frame) -> Value:
        value, site = self.evaluate(node.operand, frame), self.site(node, frame)
        if isinstance(node.op, ast.Not):
            decided = truth(value)
            return self.make(Op("not", (value,)) if decided is None else Const(not decided), site)
        number = constant(value)
        if isinstance(number, int | float) and isinstance(node.op, ast.USub):
            return self.make(Const(-number), site)
        if isinstance(number, int) and isinstance(node.op, ast.Invert):
            return self.make(Const(~number), site)
        return self.make(Op(type(node.op).__name__, (value,)), site)

    def _compare(self, node: ast.Compare, frame: Frame) -> Value:
        values = [self.evaluate(item, frame) for item in (node.left, *node.comparators)]
        site = self.site(node, frame)
        found: list[Value] = []
        for operation, left, right in zip(node.ops, values, values[1:], strict=False):
            name, compute = COMPARED[type(operation)]
            decided = compare(name, compute, left, right)
            asked = in_words(name, left, right) or Op(name, (left, right))
            found.append(self.make(asked if decided is None else Const(decided), site))
        return found[0] if len(found) == 1 else self.make(Op("and", tuple(found)), site)

    def _binop(self, node: ast.BinOp, frame: Frame) -> Value:
        left, right = self.evaluate(node.left, frame), self.evaluate(node.right, frame)
        return self.compute(node.op, left, right, self.site(node, frame))

    def compute(self, operation: ast.operator, left: Value, right: Value, site: Site) -> Value:
        """Add, join, multiply...: each choice with each, as far as they are known."""
        found: list[Value] = []
        for a, b in islice(product(left, right), MOST_PAIRS):
            if isinstance(a.thing, Object) and (method := a.thing.kind.member(OPERATORS.get(type(operation), ""))):
                found.append(guarded(self.call(self.bind(method, a.thing), ((b,),), {}, site), *a.guards))
                continue
            made = compute(operation, a, b)
            made.born = self.depth
            guards = (*a.guards, *(guard for guard in b.guards if guard not in a.guards))[:MOST_GUARDS]
            found.append((Choice(made, site, guards, (*a.path, *b.path)[-LONGEST_PATH:]),))
        return join(*found)

    def _joinedstr(self, node: ast.JoinedStr, frame: Frame) -> Value:
        parts: list[str | Value] = []
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue):
                value = self.as_text(self.evaluate(piece.value, frame), self.site(piece.value, frame))
                parts += pieces(value, formatted=piece.format_spec is not None)
            else:
                parts.append(str(getattr(piece, "value", "")))
        return self.text(parts, self.site(node, frame))

    def as_text(self, value: Value, site: Site) -> Value:
        """What an object says of itself by ``__str__``; anything else as it is."""
        thing = value[0].thing if len(value) == 1 else None
        method = thing.kind.member("__str__") if isinstance(thing, Object) else None
        return self.call(self.bind(method, thing), (), {}, site) if method and isinstance(thing, Object) else value

    def text(self, parts: list[str | Value], site: Site) -> Value:
        """Make a text of pieces; a constant where no hole is among them."""
        if len(parts) > LONGEST_LIST or sum(len(part) for part in parts if isinstance(part, str)) > LONGEST_TEXT:
            return self.make(Unknown("too long a text"), site)
        if all(isinstance(part, str) for part in parts):
            return self.make(Const("".join(str(part) for part in parts)), site)
        return self.make(Text(tuple(parts)), site)

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Value:
        return self.attribute(self.evaluate(node.value, frame), node.attr, self.site(node, frame))

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Value:
        return self.item(self.evaluate(node.value, frame), self.evaluate(node.slice, frame), self.site(node, frame))

    def _slice(self, node: ast.Slice, frame: Frame) -> Value:
        ends = tuple(self.evaluate_if_any(end, node, frame) for end in (node.lower, node.upper, node.step))
        return self.make(Op(":", ends), self.site(node, frame))
