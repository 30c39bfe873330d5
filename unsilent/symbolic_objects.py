"""Classes of the tree that are called: objects, records, members of enumerations, and ``super()``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .symbolic_foreign import Foreign
from .symbolic_things import Class, Const, Function, Object, Outside, Result, Super, Unknown
from .symbolic_values import constant, join, one, things, via

if TYPE_CHECKING:
    from .symbolic_notes import Frame, Site, Value

FLAGS = {"Flag", "IntFlag"}
VALIDATES = "[validates]"  # among the attributes of a method: the fields that it checks or changes
PLAIN_ENUMERATIONS = {"StrEnum", "IntEnum", "str", "int", "float", *FLAGS}


class Objects(Foreign):
    """Makes objects."""

    def instantiate(self, kind: Class, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site) -> Value:
        """Make an object of a class of the tree."""
        made = Object(kind)
        value = self.make(made, site)
        if kind.is_enumeration:
            return self._member_for(kind, args[0] if args else (), site)
        if kind.foreign().rpartition(".")[2] == "TypedDict":
            return self.call(one(Outside("dict"), site), args, kwargs, site)
        method = kind.member("__init__")
        if method is not None:
            self.call(self.bind(method, made), args, kwargs, site)
        elif kind.is_record or any(one_class.is_record for one_class in kind.order()):
            self._fill_record(made, args, kwargs, site)
        elif foreign := kind.foreign():
            made.base = self.call(one(Outside(foreign), site), args, kwargs, site)
        return value

    def make_members(self, kind: Class, site: Site) -> None:
        """The members of an enumeration: objects, or constants where they are strings or numbers as well."""
        foreign = {name.rpartition(".")[2] for name in kind.all_foreign()}
        plain, flags = bool(foreign & PLAIN_ENUMERATIONS), bool(foreign & FLAGS)
        number = 0
        for name, value in list(kind.attrs.items()):
            thing = value[0].thing if value else None
            if name.startswith("_") or not value or isinstance(thing, Function | Class):
                continue
            number += 1
            if isinstance(thing, Result) and thing.call.last == "auto":
                said = 2 ** (number - 1) if flags else name.lower() if "StrEnum" in foreign else number
                value = one(Const(said), value[0].site)  # noqa: PLW2901 - said in words
            known = constant(value)
            made = Const(known, kind) if plain and known is not None else Object(kind)
            named = one(Const(name), value[0].site)
            made.attrs |= {"name": named, "_name_": named, "value": value, "_value_": value}
            kind.attrs[name] = one(made, value[0].site)
            if isinstance(made, Object) and (method := kind.member("__init__")):
                self.call(self.bind(method, made), tuple(self.elements(value) or [value]), {}, site)

    def _member_for(self, kind: Class, value: Value, site: Site) -> Value:
        """``Kind(value)``: the member that has it, any of them where it is not known."""
        members = kind.members()
        known = [one_value for one_value in members if things(one_value)[0] in things(value)]
        if not known and (wanted := constant(value)) is not None:
            known = [one_value for one_value in members if constant(things(one_value)[0].attrs["value"]) == wanted]
        return tuple(replace(choice, site=site) for choice in join(*(known or members)))

    def _fill_record(self, made: Object, args: tuple[Value, ...], kwargs: dict[str, Value], site: Site) -> None:
        """Fields of a dataclass or named tuple."""
        names = made.kind.fields()
        taken = [name for name, default in names.items() if not _is_made_later(default)]
        for name, value in zip(taken, args, strict=False):
            made.attrs[name] = value
        for name, default in names.items():
            if name in kwargs:
                made.attrs[name] = kwargs[name]
            elif name not in made.attrs:
                made.attrs[name] = (
                    self.make(Unknown(name), site)
                    if default is None
                    else via(self._field(default, site), f"default of {name}")
                )
        self._validate(made, site)
        if after := made.kind.member("__post_init__"):
            self.call(self.bind(after, made), (), {}, site)

    def _validate(self, made: Object, site: Site) -> None:
        """Methods that say which fields they check give them their values."""
        members = [value for kind in reversed(made.kind.order()) for value in kind.attrs.values()]
        for method in members:
            for thing in things(method)[:1]:
                checked = thing.attrs.get(VALIDATES, ()) if isinstance(thing, Function) else ()
                for name in {str(constant(name)) for name in self.elements(checked) or ()} & made.attrs.keys():
                    made.attrs[name] = self.call(self.bind(method, made.kind), (made.attrs[name],), {}, site)

    def _field(self, default: Value, site: Site) -> Value:
        """``field(default=...)`` or ``field(default_factory=...)``."""
        thing = default[0].thing if default else None
        if not isinstance(thing, Result) or thing.call.last not in {"field", "Field"}:
            return default
        factory = thing.call.argument("default_factory")
        return self.call(factory, (), {}, site) if factory else thing.call.argument("default", 0)

    def _super(self, frame: Frame, site: Site) -> Value:
        here: Frame | None = frame
        while here is not None and (here.function is None or here.function.owner is None):
            here = here.outer
        if here is None or here.function is None or here.function.owner is None:
            return self.make(Unknown("super()"), site)
        first = [argument.arg for argument in (*here.function.node.args.posonlyargs, *here.function.node.args.args)][:1]
        own = here.function.bound[:1] or tuple(here.names.get(name, ()) for name in first)
        of = own[0][0].thing if own and own[0] else None
        return self.super_of(one(here.function.owner, site), one(of, site) if of else (), site)

    def super_of(self, after: Value, of: Value, site: Site) -> Value:
        """``super(after, of)``."""
        kind, own = (value[0].thing if len(value) == 1 else None for value in (after, of))
        if isinstance(kind, Class) and isinstance(own, Object | Class):
            return self.make(Super(own, kind), site)
        return self.make(Unknown("super()"), site)


def _is_made_later(default: Value | None) -> bool:
    """``field(init=False)``: no argument fills it."""
    thing = default[0].thing if default else None
    return isinstance(thing, Result) and thing.call.last == "field" and constant(thing.call.argument("init")) is False
