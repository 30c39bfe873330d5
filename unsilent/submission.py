"""Somebody's submission, opened so that it can be read: a folder as it lies there, or a zip, unpacked into a scratch.

    with opened(Path("UTID.zip")) as submission: ...

Nothing of it is imported or run. What may lie in a zip, and how much, is limited in ``archives``; any other archive is
refused. Here is also found what there is to look at: packages, adapters, logs of training runs, data sets. A link that
leads out of a folder is not followed: what lies there is the reader's own, and none of the submission.
"""

from __future__ import annotations

import ast
import contextlib
import keyword
import os
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .archives import ArchiveRefused, unpack
from .plain_files import NotPlain, is_inside, open_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

LOADERS = {"cot": "load_cot", "sft": "load_sft", "rft": "load_rft"}  # the parts that a grader calls, and how
OF_ADAPTER = re.compile(r"adapter_config\.json|adapter_model(-\d{5}-of-\d{5})?\.(safetensors|bin)")
OF_RUN = re.compile(r"trainer_state\.json|.*tfevents.*")
CHECKPOINT = re.compile(r"checkpoint-\d+")
UNSEEN = ("__MACOSX", "__pycache__")  # what macOS packs beside a folder; bytecode
TESTS = re.compile(r"tests?|testing")
MOST_FOLDERS = 10_000  # of a submission that are looked into; the course's has 5
LARGEST_INIT = 1_000_000  # bytes of an __init__.py; the course's has 500
# How archives begin that are none of ours, and where in the file.
OTHER_ARCHIVES = (
    (0, b"\x1f\x8b", "a gzip file, as .tar.gz is one"),
    (0, b"BZh", "a bzip2 file, as .tar.bz2 is one"),
    (0, b"\xfd7zXZ\0", "an xz file, as .tar.xz is one"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file, as .tar.zst is one"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a rar archive"),
    (257, b"ustar", "a tar archive"),
)


class SubmissionUnusable(Exception):
    """Nothing that can be judged; the message says what it is instead, and nothing of it was left behind."""

    def __init__(self, got: str, where: Path, action: str = "name what was handed in.") -> None:
        super().__init__(f"Expected a folder, or a zip of one, but got {got}. Where: {where}. What to do: {action}")


@dataclass(frozen=True)
class Opened:
    """A submission that can be read.

    Attributes:
        named: As it was named.
        root: Where it can be read; another place where it was unpacked.
    """

    named: Path
    root: Path

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - plain values of any kind
        """Plain values with the place that people know in that of the unpacked files, which are gone when they read."""
        match value:
            case str():
                return value.replace(str(self.root), str(self.named)) if self.root != self.named else value
            case dict():
                return {name: self.shown(one) for name, one in value.items()}
            case list() | tuple():
                return type(value)(map(self.shown, value))
        return value

    def name_of(self, place: Path) -> str:
        """A path below it, as it is shown; empty for the whole."""
        return "" if place == self.root else place.relative_to(self.root).as_posix()

    @property
    def packages(self) -> list[Path]:
        """The packages that a grader may import: those that may have one of its loaders; without any, all that lie top.

        Tests are none.
        """
        init = self.root / "__init__.py"
        found = [self.root] if is_inside(init, self.root) and init.is_file() else list(_packages_below(self.root))
        fit = [one for one in found if any(has is not False for has in loaders_of(one).values())]
        return fit or found

    @property
    def data(self) -> list[Path]:
        """JSON files in folders called ``data``, in a package or beside it; those to validate on first."""
        places = [self.root, *(place for one in self.packages for place in (one, one.parent) if one != self.root)]
        folders = dict.fromkeys(place / "data" for place in places)
        inside = [folder for folder in folders if is_inside(folder, self.root)]
        files = [path for folder in inside for path in sorted(folder.glob("*.json"))]
        found = [path for path in files if is_inside(path, self.root) and path.is_file()]
        return sorted(found, key=lambda path: not path.stem.startswith(("valid", "test", "dev")))


def leaving(folder: Path, root: Path) -> Path | None:
    """The first link in a folder or below that leads out of a root; None where there is none."""
    for place, _ in _folders(folder):
        for path in sorted(place.iterdir()):
            if path.is_symlink() and not is_inside(path, root):
                return path
    return None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a submission; what was unpacked is gone afterwards.

    Raises:
        SubmissionUnusable: Nothing there, no folder and no zip, or a zip that is not safe to unpack.
    """
    if _is_folder(path):
        yield Opened(path, path)
        return
    _must_be_zip(path)
    with tempfile.TemporaryDirectory(prefix="unsilent-") as scratch:
        root = Path(scratch).resolve() / _importable(path.stem)
        try:
            unpack(path, root, lambda _: True)
        except ArchiveRefused as error:
            got, _, rest = str(error).partition("but got ")[2].partition(". Where: ")
            raise SubmissionUnusable(got, path, rest.partition(" What to do: ")[2]) from error
        yield Opened(path, root)


def _importable(name: str) -> str:
    """A name like another one under which a package can be imported: files of one may lie at the top of a zip."""
    found = re.sub(r"\W", "_", name, flags=re.ASCII)
    return found if found.isidentifier() and not keyword.iskeyword(found) else f"_{found}"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no file has
        return False


def _must_be_zip(path: Path) -> None:
    if not os.path.lexists(path):
        raise SubmissionUnusable("nothing of that name", path)
    try:
        with open_plain(path) as file:  # opening a pipe would wait for ever
            begin = file.read(512)
            is_zip = zipfile.is_zipfile(file)
    except (NotPlain, OSError) as error:
        raise SubmissionUnusable(str(error), path) from error
    if not is_zip or begin.startswith(tuple(mark for place, mark, _ in OTHER_ARCHIVES if not place)):
        kinds = [words for place, mark, words in OTHER_ARCHIVES if begin[place:].startswith(mark)]
        raise SubmissionUnusable(kinds[0] if kinds else "a file that is neither", path)


def find_adapters(root: Path) -> list[Path]:
    """Folders below with an adapter, or a part of one."""
    return _places(root, OF_ADAPTER)


def find_logs(root: Path) -> list[Path]:
    """Folders below with a log under the name that Trainer or TensorBoard gives it."""
    return _places(root, OF_RUN)


def _places(root: Path, file: re.Pattern[str]) -> list[Path]:
    """Folders with such a file, from the top: what lies beside another's checkpoints, or directly below one, is its."""
    places: dict[Path, None] = {}
    held: set[Path] = set()
    for folder, files in _folders(root):
        if any(file.fullmatch(one) for one in files):
            held.add(folder)
            if folder == root or folder.parent not in held:
                is_checkpoint = folder != root and CHECKPOINT.fullmatch(folder.name)
                places[folder.parent if is_checkpoint else folder] = None
    return list(places)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders that somebody may have handed in, with the names of their files: no hidden ones, and no environments."""
    for number, (name, folders, files) in enumerate(os.walk(root)):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in UNSEEN)
        is_environment = "pyvenv.cfg" in files and number > 0 and "__init__.py" not in files  # no package is one
        if is_environment or number >= MOST_FOLDERS:
            folders.clear()
        else:
            yield Path(name), files


def _packages_below(root: Path) -> Iterator[Path]:
    held: set[Path] = set()
    for folder, files in _folders(root):
        init = "__init__.py" in files and is_inside(folder / "__init__.py", root)
        if init or folder.parent in held:
            held.add(folder)
            names = [part.lower() for part in folder.relative_to(root).parts]
            if folder.parent not in held and not any(map(TESTS.fullmatch, names)):
                yield folder


def loaders_of(package: Path) -> dict[str, bool | None]:
    """Of each part, whether the text of a package names its loader; None where only running it shows."""
    try:
        with open_plain(package / "__init__.py") as file:
            text = file.read(LARGEST_INIT).decode(errors="replace")
    except (NotPlain, OSError):
        return dict.fromkeys(LOADERS)
    return {part: is_named(loader, text) for part, loader in LOADERS.items()}


def is_named(wanted: str, text: str) -> bool | None:
    """Whether a module's text binds a name or writes it as a text of its own (``__all__``, a table of lazy imports).

    Returns:
        None where only running it shows: a star import, a ``__getattr__``, a text that cannot be parsed.
    """
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    bound: set[object] = set()
    for node in nodes:
        match node:
            case ast.alias(name=name, asname=other):
                bound.add(other or name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Constant(value=str(name)):
                bound.add(name)
    return True if wanted in bound else None if bound & {"*", "__getattr__"} else False
