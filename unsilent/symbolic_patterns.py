"""Patterns of ``match``: whether one fits a thing, fits it perhaps, or does not, and which names it gives."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING

from .symbolic_comparisons import compare
from .symbolic_stores import Stores
from .symbolic_things import Class, Const, Many, Object, Outside, Table, Text
from .symbolic_values import constant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .symbolic_notes import Choice, Frame, Value

Fits = bool | None
PLAIN = {"str": str, "int": int, "float": float, "bool": bool, "bytes": bytes}


def all_fit(found: Iterable[Fits]) -> Fits:
    """Whether all fit: no as soon as one does not, perhaps as soon as one may."""
    said = list(found)
    return False if False in said else None if None in said else True


class Patterns(Stores):
    """Matches patterns."""

    def fits(self, pattern: ast.pattern, value: Value, frame: Frame) -> Fits:
        """Whether a value fits a pattern; names that the pattern gives are assigned."""
        said = {self._fits_one(pattern, (choice,), frame) for choice in value}
        if len(value) > 1:  # names stand for whatever may fit
            self._fits_one(pattern, value, frame)
        return said.pop() if len(said) == 1 else None

    def _fits_one(self, pattern: ast.pattern, value: Value, frame: Frame) -> Fits:  # noqa: PLR0911 - one for each kind
        if isinstance(pattern, ast.MatchValue):
            return compare("==", operator.eq, value, self.evaluate(pattern.value, frame))
        if isinstance(pattern, ast.MatchSingleton):
            return compare("is", operator.is_, value, self.make(Const(pattern.value), value[0].site))
        if isinstance(pattern, ast.MatchAs):
            fits = True if pattern.pattern is None else self.fits(pattern.pattern, value, frame)
            if pattern.name is not None and fits is not False:
                frame.names[pattern.name] = value
            return fits
        if isinstance(pattern, ast.MatchOr):
            said = [self.fits(inner, value, frame) for inner in pattern.patterns]
            return True if True in said else None if None in said else False
        if isinstance(pattern, ast.MatchSequence):
            return self._fits_sequence(pattern, value, frame)
        if isinstance(pattern, ast.MatchMapping):
            return self._fits_mapping(pattern, value, frame)
        return self._fits_class(pattern, value, frame) if isinstance(pattern, ast.MatchClass) else None

    def _fits_sequence(self, pattern: ast.MatchSequence, value: Value, frame: Frame) -> Fits:
        known, site, wanted = self.elements(value), value[0].site, pattern.patterns
        thing = value[0].thing
        if isinstance(thing, Const | Text | Table) or (isinstance(thing, Object) and not thing.kind.is_tuple):
            return False
        star = next((place for place, one in enumerate(wanted) if isinstance(one, ast.MatchStar)), None)
        if known is not None and (len(known) < len(wanted) - 1 if star is not None else len(known) != len(wanted)):
            return False
        said: list[Fits] = [None if known is None else True]
        for place, inner in enumerate(wanted):
            after = len(wanted) - place - 1
            if isinstance(inner, ast.MatchStar):
                if inner.name is not None:
                    rest = known[place : len(known) - after] if known is not None else [self.element(value, site)]
                    frame.names[inner.name] = self.make(Many(rest, whole=known is not None), site)
                continue
            if known is not None:
                part = known[place] if star is None or place < star else known[len(known) - after - 1]
            else:
                part = self.item(value, self.make(Const(place), site), site)
            said.append(self.fits(inner, part, frame))
        return all_fit(said)

    def _fits_mapping(self, pattern: ast.MatchMapping, value: Value, frame: Frame) -> Fits:
        thing = value[0].thing
        if isinstance(thing, Const | Text | Many):
            return False
        said: list[Fits] = [isinstance(thing, Table) or None]
        for key, inner in zip(pattern.keys, pattern.patterns, strict=True):
            name = self.evaluate(key, frame)
            if isinstance(thing, Table) and not thing.others and constant(name) not in thing.items:
                return False
            said.append(self.fits(inner, self.item(value, name, value[0].site), frame))
        if pattern.rest is not None:
            frame.names[pattern.rest] = value
        return all_fit(said)

    def _fits_class(self, pattern: ast.MatchClass, value: Value, frame: Frame) -> Fits:
        kinds = self.evaluate(pattern.cls, frame)
        said = [_is_instance(value[0], kind) for kind in kinds]
        if all(one is False for one in said):
            return False
        kind = kinds[0].thing
        names = list(kind.fields()) if isinstance(kind, Class) else []
        if isinstance(kind, Outside) and len(pattern.patterns) == 1:  # str(name) takes the whole
            said.append(self.fits(pattern.patterns[0], value, frame))
        else:
            pairs = [
                *zip(names, pattern.patterns, strict=False),
                *zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True),
            ]
            said += [self.fits(inner, self.attribute(value, name, value[0].site), frame) for name, inner in pairs]
        return all_fit(said)


def _is_instance(choice: Choice, kind: Choice) -> Fits:
    """Whether something is an instance of a class, as far as it can be told."""
    thing, wanted = choice.thing, kind.thing
    if isinstance(thing, Object) and isinstance(wanted, Class):
        return wanted in thing.kind.order()
    if isinstance(thing, Const) and isinstance(wanted, Outside) and wanted.name in PLAIN:
        return isinstance(thing.value, PLAIN[wanted.name])
    if isinstance(thing, Const) and isinstance(wanted, Class):
        return thing.kind is not None and wanted in thing.kind.order()
    return None
