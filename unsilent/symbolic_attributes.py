"""Attributes: ``a.b``, for each thing that ``a`` may be."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from .symbolic_notes import Choice, Site, Value
from .symbolic_parts import Parts
from .symbolic_things import (
    Class,
    Const,
    Function,
    Many,
    Object,
    Outside,
    Package,
    Part,
    Super,
    Table,
    Text,
    Thing,
    Unknown,
    is_member,
)
from .symbolic_values import guarded, held, join, one

SEPARATORS = {"os.sep", "os.path.sep"}  # a slash, wherever a submission is graded


class Attributes(Parts):
    """Reads attributes."""

    def attribute(self, value: Value, name: str, site: Site) -> Value:
        """``value.name``, for each choice of the value."""
        return join(*(guarded(self._attribute_of(choice, name, site), *choice.guards) for choice in value))

    def _attribute_of(self, choice: Choice, name: str, site: Site) -> Value:  # noqa: C901, PLR0911 - for each kind
        thing = choice.thing
        if isinstance(thing, Class):
            return self._attribute_of_class(choice, thing, name, site)
        if name in thing.attrs:
            found = thing.attrs[name]
            if "_name_" in thing.attrs and thing.attrs[name] is thing.attrs.get("value"):
                return tuple(replace(one_value, site=choice.site) for one_value in found)  # written where it is named
            return found
        if isinstance(thing, Object):
            return self._attribute_of_object(choice, thing, name, site)
        if isinstance(thing, Super):
            owner = thing.of.kind if isinstance(thing.of, Object) else thing.of
            inherited = owner.member(name, after=thing.after)
            part = self._key(name, site)
            return self.bind(inherited, thing.of) if inherited else self._part((choice,), part, "attribute", site)
        if isinstance(thing, Outside):
            dotted = f"{thing.name}.{name}"
            return self.make(Const("/") if dotted in SEPARATORS else Outside(dotted), site)
        if isinstance(thing, Unknown) and thing.name == "namespace" and name == "__dict__":
            return self.make(self._members(thing), site)
        if isinstance(thing, Package):
            return self.member_of(thing.source.name, name, site)
        if isinstance(thing, Const) and thing.kind is not None and (member := thing.kind.member(name)):
            return self.bind(member, thing)
        made = self._part((choice,), self._key(name, site), "attribute", site)
        if not isinstance(thing, Const | Text | Table | Many):
            thing.attrs[name] = made
        return made

    def _attribute_of_class(self, choice: Choice, thing: Class, name: str, site: Site) -> Value:
        found = thing.member(name)
        if found is not None and is_member(found):
            return tuple(replace(one_value, site=site) for one_value in found)
        if found is not None:
            return self.bind(found, thing)
        if name == "__dict__":
            return self.make(self._members(thing), site)
        if name in {"__mro__", "__bases__"}:
            near = thing.order() if name == "__mro__" else [base for base in thing.bases if isinstance(base, Class)]
            return self.make(Many([one(inner, site) for inner in near]), site)
        return self.make(
            Const(thing.name) if name == "__name__" else Part((choice,), self._key(name, site), "attribute"), site
        )

    def _members(self, thing: Thing) -> Table:
        """``__dict__``: what is put into it becomes an attribute."""
        made = Table()
        made.items = cast("dict[object, Value]", thing.attrs)
        return made

    def _attribute_of_object(self, choice: Choice, thing: Object, name: str, site: Site) -> Value:
        if name == "__class__":
            return self.make(thing.kind, site)
        if name == "__dict__":
            return self.make(self._members(thing), site)
        found = thing.kind.member(name)
        if found is not None:
            return self.bind(found, thing)
        dynamic = thing.kind.member("__getattr__")
        if dynamic and not _is_built_in(choice, name):
            return self.call(self.bind(dynamic, thing), (self._key(name, site),), {}, site)
        made = self._part((choice,), self._key(name, site), "attribute", site)
        thing.attrs[name] = made
        return made

    def bind(self, value: Value, to: Object | Class | Const) -> Value:
        """A member as it is seen from an instance or a class: methods know whose they are, properties are called."""
        found: list[Value] = []
        kind = to if isinstance(to, Class) else to.kind or to
        for choice in value:
            thing, site = choice.thing, choice.site
            if isinstance(thing, Outside) and isinstance(to, Object) and thing.name.startswith(("dict.", "list.")):
                found.append(self._part((one(to, site)[0],), self._key(thing.name[5:], site), "attribute", site))
                continue
            if isinstance(thing, Object) and (getter := thing.kind.member("__get__")):
                found.append(self.call(self.bind(getter, thing), (one(to, site), one(kind, site)), {}, site))
                continue
            of_class = isinstance(thing, Function) and thing.kind == "class"
            if (
                not isinstance(thing, Function)
                or thing.bound
                or thing.kind == "static"
                or (to is kind and not of_class)
            ):
                found.append((choice,))
                continue
            bound = replace(thing, kind="plain", bound=(one(kind if of_class else to, site),))
            bound.attrs = thing.attrs
            if thing.kind == "property":
                found.append(self.call(one(bound, site), (), {}, site))
            else:
                found.append((Choice(bound, site, choice.guards, choice.path),))
        return join(*found)


def _is_built_in(choice: Choice, name: str) -> bool:
    """Whether an object has a method from ``dict`` or ``list``, before ``__getattr__`` is asked."""
    kind = {Table: dict, Many: list}.get(type(held(choice).thing), object)
    return kind is not object and hasattr(kind, name)
