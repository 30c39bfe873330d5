"""``def``, ``class`` and their decorators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .known_calls import FUNCTIONS
from .known_options import add_option
from .symbolic_contexts import Contexts
from .symbolic_notes import Frame, Value
from .symbolic_objects import VALIDATES
from .symbolic_stores import SETTER
from .symbolic_things import Class, Function, Many, Native, Object, Outside, Result, Thing
from .symbolic_values import things
from .syntax_facts import last_name

if TYPE_CHECKING:
    import ast

VALIDATORS = {"field_validator", "validator"}
RECORD_MAKERS = {"dataclass", "define", "frozen", "attrs", "s"}
RECORDS = {"NamedTuple", "BaseModel"}


class Definitions(Contexts):
    """Defines functions and classes."""

    def define(self, node: ast.Lambda, frame: Frame) -> Value:
        """Make a function without a name."""
        return self.make(self.made_function(node, frame), self.site(node, frame))

    def made_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, frame: Frame) -> Function:
        """A function as its definition says: its defaults are evaluated now."""
        made = Function(node, frame, frame.owner)
        spec = node.args
        positional = [*spec.posonlyargs, *spec.args]
        for argument, default in zip(reversed(positional), reversed(spec.defaults), strict=False):
            made.defaults[argument.arg] = self.evaluate(default, frame)
        for argument, given in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
            if given is not None:
                made.defaults[argument.arg] = self.evaluate(given, frame)
        return made

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> bool:
        made = self.made_function(node, frame)
        value = self.make(made, self.site(node, frame))
        for decorator in reversed(node.decorator_list):
            known = self.evaluate(decorator, frame)
            name = last_name(decorator)
            if name in {"property", "cached_property"}:
                made.kind = "property"
            elif name in {"staticmethod", "classmethod"}:
                made.kind = "static" if name == "staticmethod" else "class"
            elif name == "setter" and (before := frame.names.get(node.name)):
                before[0].thing.attrs[SETTER] = value
                return True
            elif any(map(_decorates, things(known))):
                value = self.call(known, (value,), {}, self.site(decorator, frame))
            elif name in {"command", "callback", "main", "default_command"}:
                self.commands.append(made)
            elif name in VALIDATORS:
                made.attrs[VALIDATES] = self.make(
                    Many([one for thing in things(known) for one in _given(thing)]), value[0].site
                )
            else:
                add_option(self, made, known)
        where = frame.elsewhere.get(node.name, frame)
        where.names[node.name] = value
        return True

    _asyncfunctiondef = _functiondef

    def _classdef(self, node: ast.ClassDef, frame: Frame) -> bool:
        bases = [choice.thing for base in node.bases for choice in self.evaluate(base, frame)[:1]]
        names = {last_name(one) for one in node.decorator_list}
        foreign = {base.name.rpartition(".")[2] for base in bases if isinstance(base, Outside)}
        made, site = Class(node.name, node, frame, tuple(bases)), self.site(node, frame)
        made.is_record = bool(names & RECORD_MAKERS or foreign & RECORDS)
        inner = Frame(frame.source, made.attrs, frame, frame.function, made)
        self.block(node.body, inner)
        made.attrs = inner.names
        if made.is_enumeration:
            self.make_members(made, site)
        for name, value in list(made.attrs.items()):
            for thing in things(value)[:1]:
                if isinstance(thing, Object) and (told := thing.kind.member("__set_name__")):
                    self.call(self.bind(told, thing), (self.make(made, site), self._key(name, site)), {}, site)
        if hook := made.member("__init_subclass__", after=made):
            bound = tuple(replace(choice, thing=_as_classmethod(choice.thing)) for choice in hook)
            options = {one.arg: self.evaluate(one.value, frame) for one in node.keywords if one.arg}
            self.call(self.bind(bound, made), (), options, site)
        value = self.make(made, site)
        for decorator in reversed(node.decorator_list):
            known = self.evaluate(decorator, frame)
            if any(isinstance(thing, Function | Native) for thing in things(known)):
                value = self.call(known, (value,), {}, self.site(decorator, frame))
        frame.elsewhere.get(node.name, frame).names[node.name] = value
        return True


def _decorates(thing: Thing) -> bool:
    """Whether a decorator is followed: one of the tree, or one of Python's own that is known."""
    return isinstance(thing, Function | Class | Native) or (isinstance(thing, Outside) and thing.name in FUNCTIONS)


def _as_classmethod(thing: Thing) -> Thing:
    """``__init_subclass__`` is one without saying so."""
    return replace(thing, kind="class") if isinstance(thing, Function) else thing


def _given(decorator: Thing) -> tuple[Value, ...]:
    """The fields that ``@field_validator("rank", "alpha")`` names."""
    return decorator.call.args if isinstance(decorator, Result) else ()
