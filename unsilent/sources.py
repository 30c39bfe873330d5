"""The Python files of a foreign folder: found, read and parsed, never imported.

Whatever cannot be read is named with its reason and left out; nothing here raises on bad content. Limits stand at the
top. In a package every folder is read, whatever it is called: it can be imported from there. ``SourceTree`` also knows
which module a dotted name means inside the folder, whichever folder was named.
"""

from __future__ import annotations

import ast
import io
import os
import tokenize
import warnings
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

# A course submission has about 20 files of less than 20 kB; these leave room for a hundred times that.
LARGEST_FILE = 1_000_000  # bytes
MOST_FILES = 500
MOST_ENTRIES = 200_000  # folders and files that are looked at, in a second; data sets lie in single files
MOST_NODES = 200_000  # of one file's syntax tree
DEEPEST = 200  # levels of one file's syntax tree

# Folders of tools, environments and packed leftovers.
FOREIGN_FOLDERS = {"__pycache__", "venv", "env", "build", "dist"}
NEVER_READ = {"site-packages", "node_modules", "__MACOSX"}
COMPILED = (".so", ".pyd")  # comes before a source of the same name where a module is imported
TEST_FOLDERS = {"test", "tests", "testing"}


@dataclass(frozen=True)
class Source:
    """One parsed file.

    Attributes:
        file: Its path below the folder, with slashes.
        name: Its dotted module name below the folder.
        tree: Its syntax tree.
        lines: Its text, line by line.
        is_package: Whether it is an ``__init__.py``.
    """

    file: str
    name: str
    tree: ast.Module
    lines: tuple[str, ...]
    is_package: bool

    @property
    def is_test(self) -> bool:
        """Test code: it may inject faults on purpose."""
        return is_test(self.file)


@dataclass
class SourceTree:
    """All files that could be read, why the others could not, and the folders that were not entered."""

    folder: Path
    sources: dict[str, Source] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    left_out: list[Path] = field(default_factory=list)

    def find(self, dotted: str) -> Source | None:
        """Look for the module that an absolute import means, seen from any folder of the tree.

        The folder that was named may be the package itself or what holds it; the shortest name that ends in the wanted
        one is the one meant.
        """
        own = self.folder.resolve().name
        if dotted == own or dotted.startswith(f"{own}."):
            inner = dotted[len(own) + 1 :]
            if inner in self.sources:
                return self.sources[inner]
        if dotted in self.sources:
            return self.sources[dotted]
        ends = [name for name in self.sources if name.endswith(f".{dotted}")]
        return self.sources[min(ends, key=len)] if ends and dotted else None

    def code_at(self, file: str, line: int) -> str:
        """The line as it stands in the file."""
        source = next((one for one in self.sources.values() if one.file == file), None)
        return source.lines[line - 1].strip() if source and 0 < line <= len(source.lines) else ""


def is_test(file: str) -> bool:
    """Whether a path is that of test code."""
    path = PurePosixPath(file)
    return (
        bool(TEST_FOLDERS & {part.lower() for part in path.parts[:-1]})
        or path.name.startswith("test_")
        or path.stem.endswith("_test")
        or path.name == "conftest.py"
    )


def find_sources(folder: Path) -> SourceTree:
    """Parse every Python file below a folder, packages first; links are not followed."""
    found = SourceTree(folder)
    packages: set[Path] = set()
    seen = 0
    for name, folders, names in os.walk(folder, onerror=lambda error: _refused(found, error)):
        place = Path(name)
        if "pyvenv.cfg" in names and place != folder and not is_package(place):
            found.left_out.append(place)
            folders.clear()
            continue
        if is_package(place) or place.parent in packages:
            packages.add(place)
        inner = [place / one for one in folders]
        foreign = {one for one in inner if _is_foreign(one, in_package=place in packages)}
        found.left_out += sorted(foreign)
        folders[:] = [one.name for one in sorted(set(inner) - foreign, key=lambda one: (not is_package(one), one))]
        seen += len(folders) + len(names)
        if seen > MOST_ENTRIES:
            found.unread["."] = f"more than {MOST_ENTRIES} files and folders; the rest was not looked at"
            break
        for one in sorted(names):
            _add(found, place / one)
    return found


def is_package(folder: Path) -> bool:
    """Whether a folder says that it is one."""
    return os.path.lexists(folder / "__init__.py")


def _is_foreign(folder: Path, *, in_package: bool) -> bool:
    """Whether nobody's submission lies in a folder; what is in a package, or is one, can be imported by its name."""
    if folder.name in NEVER_READ or folder.name.startswith(".") or folder.is_symlink():
        return True
    return folder.name in FOREIGN_FOLDERS and not in_package and not is_package(folder)


def _refused(found: SourceTree, error: OSError) -> None:
    """A folder that cannot be listed."""
    found.unread.setdefault(Path(error.filename).relative_to(found.folder).as_posix(), str(error))


def _add(found: SourceTree, path: Path) -> None:
    file = path.relative_to(found.folder).as_posix()
    if path.suffix in COMPILED:
        found.unread[file] = "compiled, without a source that says what it does"
    elif path.suffix == ".pyc" and path.stem.isidentifier() and not path.with_suffix(".py").exists():
        found.unread[file] = "bytecode without its source"
    elif path.suffix == ".py" and len(found.sources) >= MOST_FILES:
        found.unread[file] = f"more than {MOST_FILES} Python files"
    elif path.suffix == ".py":
        _read(found, path, file)


def _read(found: SourceTree, path: Path, file: str) -> None:
    text, tree, reason = _parse(path)
    if tree is None:
        found.unread[file] = reason
        return
    is_init = path.name == "__init__.py"
    parts = PurePosixPath(file).with_suffix("").parts
    name = ".".join(parts[:-1] if is_init else parts)
    found.sources[name] = Source(file, name, tree, tuple(text.splitlines()), is_init)


def _parse(path: Path) -> tuple[str, ast.Module | None, str]:  # noqa: PLR0911 - one for each complaint
    """Read and parse one file: its text, its tree, and the reason where there is none."""
    if path.is_symlink() or not path.is_file():
        return "", None, "a link or no plain file, not followed"
    try:
        if (size := path.stat().st_size) > LARGEST_FILE:
            return "", None, f"{size} bytes, more than {LARGEST_FILE}"
        raw = path.read_bytes()
        if b"\0" in raw:
            return "", None, "null bytes in the source"
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
        with warnings.catch_warnings():  # of escapes in strings that are not ours
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except UnicodeDecodeError:
        return "", None, "not text in the encoding that it states (UTF-8 by default)"
    except SyntaxError as error:
        return "", None, f"syntax error in line {error.lineno}: {error.msg}"
    except (RecursionError, MemoryError):
        return "", None, "nested too deeply to be parsed"
    except (OSError, ValueError, LookupError) as error:
        return "", None, f"could not be read: {error}"
    nodes, depth = _measure(tree)
    if nodes > MOST_NODES or depth > DEEPEST:
        return "", None, f"a syntax tree of {nodes} nodes and {depth} levels, more than {MOST_NODES} and {DEEPEST}"
    return text, tree, ""


def _measure(tree: ast.Module) -> tuple[int, int]:
    """Count nodes and levels without recursion."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level and depth <= DEEPEST and nodes <= MOST_NODES:
        nodes, depth = nodes + len(level), depth + 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return nodes, depth
