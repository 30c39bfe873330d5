"""Modules are read once, when they are first imported, and give their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .symbolic_definitions import Definitions
from .symbolic_notes import Frame, Site, Value
from .symbolic_things import Const, Later, Outside, Package, Unknown

if TYPE_CHECKING:
    import ast

    from .sources import Source, SourceTree


class Imports(Definitions):
    """Imports.

    Attributes:
        modules: The modules that were imported, by name, with their names.
    """

    def __init__(self, tree: SourceTree) -> None:
        """Start with nothing imported."""
        super().__init__(tree)
        self.modules: dict[str, Frame] = {}
        self._done: set[str] = set()

    def import_module(self, source: Source, name: str = "") -> Frame:
        """Read a module once, with its packages before it."""
        if source.name in self.modules and not name:
            return self.modules[source.name]
        package = source.name.rpartition(".")[0]
        if package in self.tree.sources and package != source.name:
            self.import_module(self.tree.sources[package])
        if "" in self.tree.sources and source.name:
            self.import_module(self.tree.sources[""])
        if source.name in self.modules and not name:
            return self.modules[source.name]
        frame = Frame(source)
        here = Site(source.file, 0)
        frame.names["__name__"] = self.make(Const(name or source.name or "__init__"), here)
        frame.names["__file__"] = self.make(Outside("__file__"), here)
        if not name:
            self.modules[source.name] = frame
        guards, depth, stack = self.guards, self.depth, self.stack
        self.guards, self.depth, self.stack = (), 0, ()
        self.block(source.tree.body, frame)
        self.guards, self.depth, self.stack = guards, depth, stack
        self._done.add(source.name)
        return frame

    def member_of(self, module: str, name: str, site: Site) -> Value:
        """Look a name of a module up: its own, or a module below it."""
        source = self.tree.sources[module]
        frame = self.import_module(source)
        if name in frame.names:
            return self._arrived(frame.names[name], site)
        if source.is_package:
            below = self.tree.sources.get(f"{source.name}.{name}".lstrip("."))
            if below is not None:
                return self.make(Package(below, self.import_module(below)), site)
        if module not in self._done:
            return self.make(Later(source, name), site) if name not in frame.names else frame.names[name]
        if dynamic := frame.names.get("__getattr__"):
            return self.call(dynamic, (self._key(name, site),), {}, site)
        return self.make(Unknown(f"{module}.{name}"), site)

    def _arrived(self, value: Value, site: Site) -> Value:
        if len(value) == 1 and not isinstance(value[0].thing, Later):
            return value
        unfinished = [
            choice
            for choice in value
            if isinstance(choice.thing, Later)
            and choice.thing.source.name not in self._done
            and choice.thing.name not in self.modules[choice.thing.source.name].names
        ]
        return value if unfinished else super()._arrived(value, site)

    def import_by_name(self, dotted: str, site: Site) -> Value:
        """What ``import_module(dotted)`` gives."""
        source = self.tree.find(dotted.lstrip("."))
        if source is None:
            return self.make(Outside(dotted), site)
        return self.make(Package(source, self.import_module(source)), site)

    def _import(self, node: ast.Import, frame: Frame) -> bool:
        site = self.site(node, frame)
        for alias in node.names:
            whole = self.import_by_name(alias.name, site)
            if alias.asname:
                frame.names[alias.asname] = whole
            else:
                frame.names[alias.name.split(".")[0]] = self.import_by_name(alias.name.split(".")[0], site)
        return True

    def _importfrom(self, node: ast.ImportFrom, frame: Frame) -> bool:
        site = self.site(node, frame)
        source = self.meant(node, frame.source)
        for alias in node.names:
            if source is None and alias.name == "*":
                frame.names["*"] = self.make(Outside(node.module or ""), site)
            elif source is None:
                name = f"{node.module or ''}.{alias.name}".lstrip(".")
                below = self.tree.find(name) if node.level else None
                frame.names[alias.asname or alias.name] = (
                    self.make(Package(below, self.import_module(below)), site)
                    if below
                    else self.make(Outside(name), site)
                )
            elif alias.name == "*":
                inner = self.import_module(source)
                frame.names.update({name: value for name, value in inner.names.items() if not name.startswith("_")})
            else:
                frame.names[alias.asname or alias.name] = self.member_of(source.name, alias.name, site)
        return True

    def meant(self, node: ast.ImportFrom, source: Source) -> Source | None:
        """The module that ``from x import`` names; None for a foreign one."""
        if not node.level:
            return self.tree.find(node.module or "")
        parts = source.name.split(".") if source.name else []
        up = node.level - source.is_package
        base = parts[: len(parts) - up] if up else parts
        dotted = ".".join([*base, *(node.module.split(".") if node.module else [])])
        return self.tree.sources.get(dotted)
