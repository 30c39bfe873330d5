"""Code that could not be read, and that runs all the same as far as anybody can tell: what it does, nobody judged.

    unread_code.unread_that_runs(find_sources(folder)) -> {"homework/fast.so": "compiled, ..."}

A file that nothing imports is left alone, as dead code is that can be read. Compiled code in a package always counts:
it lies there to be imported.
"""

from __future__ import annotations

import ast
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from .entry_points import KNOWN_MODULES, SET_ASIDE, live_modules
from .sources import COMPILED, is_package, is_test

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .sources import Source, SourceTree

ENTERED = KNOWN_MODULES | {"__init__", "__main__"}  # modules that need no import to be run
IMPORTERS = {"import_module", "__import__", "run_module", "run_path", "spec_from_file_location"}
LONGEST_NAME = 100  # of a module; no file system takes more than 255 bytes
FOREIGN = "code is imported out of it, and it is hidden, a link, an environment or a folder of tools"


def unread_that_runs(tree: SourceTree) -> Mapping[str, str]:
    """The unread files, and the folders that were left out, that the code reaches; each with why it was not read."""
    named = {name for source in live_modules(tree) for name in _imported_by(source)}
    imported = {name for name in named if name.isidentifier() and len(name) <= LONGEST_NAME}
    found = {file: reason for file, reason in tree.unread.items() if _runs(tree, file, imported)}
    read = {source.name.rpartition(".")[2] for source in tree.sources.values()}
    left = [place for place in tree.left_out if _is_entered(place, imported, read)]
    return found | {place.relative_to(tree.folder).as_posix(): FOREIGN for place in left}


def _runs(tree: SourceTree, file: str, imported: set[str]) -> bool:
    path = PurePosixPath(file)
    if file == ".":
        return True
    if is_test(file) or SET_ASIDE.search(".".join(path.with_suffix("").parts)):
        return False
    if path.suffix in {*COMPILED, ".pyc"} and any(is_package(tree.folder / parent) for parent in path.parents):
        return True
    return path.name.partition(".")[0] in imported | ENTERED


def _is_entered(place: Path, imported: set[str], read: set[str]) -> bool:
    """Whether a module lies in a folder that the code names, or only there."""
    wanted = imported if place.name in imported else imported - read
    return any((place / f"{name}.py").is_file() or is_package(place / name) for name in wanted)


def _imported_by(source: Source) -> Iterator[str]:
    """The parts of every name that a module imports, also where it does so by a call."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from (part for alias in names for part in alias.name.split("."))
            case ast.ImportFrom(module=module, names=names):
                yield from (
                    part for name in (module or "", *(alias.name for alias in names)) for part in name.split(".")
                )
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in IMPORTERS:
                texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                yield from (part for text in texts for part in str(text).replace("/", ".").split("."))
