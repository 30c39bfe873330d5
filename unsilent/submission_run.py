"""A submission's own loaders, called in fresh processes behind walls, each time in a copy of its own.

A copy holds what was handed in. It is as it is, or its weights are rewritten (the same function in other bytes), or
rewritten and disturbed (the same sizes, another function); the base model under it likewise, which is laid over the
real one at the same path. What is to be changed is changed first; then all files of all runs are written alike, in one
order, under one name, with the times that they had, and asked the same in an order drawn by chance. So no file tells
one run from another but by its weights. Nothing can be written that a later run would find.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base_folders import write_anew
from .closure import NotInstalled, closure_of
from .grader_phases import limits_of
from .grading import IMPORT, PACKAGES, PART, START_SECONDS, Grade, read_grade
from .grading import SCRIPT as GRADER
from .rewriting import WEIGHTS, disturb_weights, rewrite_weights
from .sandbox import NEVER_COPIED, NOT_COPIED, FolderRefused, chosen, copied, run_child
from .sandbox_cage import Cage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .base_folders import Base
    from .grading import Part
    from .sandbox import Child

PLAIN, AGAIN = "as it is", "as it is, again"
REWRITTEN, DISTURBED = "rewritten", "disturbed"
BASE_REWRITTEN, BASE_DISTURBED = "base rewritten", "base disturbed"
OF_BASE_ALONE = ("cot",)  # parts without an adapter of their own
OF_OWN = (REWRITTEN, DISTURBED)
OF_BASE = (BASE_REWRITTEN, BASE_DISTURBED)
# Load and answers of one run: 200 answers of the 135M that never close take two minutes on two cores.
SECONDS = 900.0
PRELOADED = PACKAGES


@dataclass(frozen=True)
class Place:
    """Where a run finds what it needs.

    Attributes:
        root: Holds the package and, beside it, the data sets.
        readable: Folders of base models.
        over: Copies of these, by the folder in whose place they are seen.
        weakly: Run it although some protection is missing.
    """

    root: Path
    readable: tuple[Path, ...] = ()
    over: Mapping[Path, Path] = field(default_factory=dict)
    weakly: bool = False


@dataclass(frozen=True)
class Runner:
    """What is run, and what it is asked.

    Attributes:
        package: The package; copied, never changed.
        texts: The questions.
        bases: Base models that it may read, and that are copied and disturbed.
        beside: By their relative places beside the package, the data sets that a grader has.
        weakly: As a place's.
        is_whole: Whether what lies beside the package was handed in with it, and is copied, too.
        others: Base models that it may read, and that are never disturbed.
    """

    package: Path
    texts: Sequence[str]
    bases: Sequence[Base] = ()
    beside: Mapping[str, Path] = field(default_factory=dict)
    weakly: bool = False
    is_whole: bool = False
    others: Sequence[Base] = ()

    @property
    def source(self) -> Path:
        """What is copied."""
        return self.package.parent if self.is_whole else self.package

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Its files, relative to it: no environments, and in the package whatever a loader may read."""
        return tuple(chosen(self.source, NOT_COPIED if self.is_whole else NEVER_COPIED, NEVER_COPIED))

    def ask(self, part: Part, kind: str) -> Grade:
        """Load and ask one part in one process; nothing that it does makes this raise."""
        try:
            with self._laid_out(kind, is_alone=not self.has_own(part)) as place:
                question = {
                    "preload": PRELOADED,
                    "package": self.package.name,
                    "questions": list(self.texts),
                    "batch": 0,
                    "phases": [{"kind": PART, "name": part.name, "loader": part.loader}],
                }
                return read_grade(_caged(question, place), part, str(place.root), len(self.texts))
        except FolderRefused as error:
            return Grade(error=f"Expected a folder that can be copied, but got {error}")
        except NotInstalled as error:
            return Grade(error=f"Expected {', '.join(PACKAGES)} in this Python, but got no {error}")
        except Exception as error:  # noqa: BLE001 - no room, or files that nobody can rewrite, whatever is wrong with them
            return Grade(
                error=f"Expected files that can be copied and changed, but got {type(error).__name__}: {error}"
            )

    def has_own(self, part: Part) -> bool:
        """Whether a part answers by weights that were handed in, and not by those of the base alone."""
        return part.name not in OF_BASE_ALONE and any(name.suffix in WEIGHTS for name in self.files)

    @contextlib.contextmanager
    def _laid_out(self, kind: str, *, is_alone: bool) -> Iterator[Place]:
        """A copy of what was handed in, and of every base; gone afterwards. A base is scaled where it is alone."""
        with tempfile.TemporaryDirectory() as name:
            root = Path(name).resolve() / "work"  # no name tells whose it is
            over = {base.folder: root.with_name(f"base{number}") for number, base in enumerate(self.bases)}
            with copied(self.source, self.files, self._data()) as copy, tempfile.TemporaryDirectory() as scratch:
                if kind in OF_OWN:
                    _change(copy, is_disturbed=kind == DISTURBED, scale=True)
                sources = {root: copy if self.is_whole else copy.parent}
                for base in self.bases:  # in every run, or what is laid over would tell one from another
                    sources[over[base.folder]] = base.folder
                    if kind in OF_BASE:
                        made = sources[over[base.folder]] = Path(scratch) / over[base.folder].name
                        write_anew(base.folder, made)
                        _change(made, is_disturbed=kind == BASE_DISTURBED, scale=is_alone)
                for target, source in sources.items():
                    write_anew(source, target)
            for folder, target in over.items():
                _date_back(target, folder)
            _date_back(root, self.package.parent, self.beside)
            readable = tuple(base.shared for base in (*self.bases, *self.others))
            yield Place(root, readable, over, self.weakly)

    def _data(self) -> dict[str, Path]:
        """The data sets, by their places beside what is copied."""
        return {f"{self.source.name}/{place}" if self.is_whole else place: path for place, path in self.beside.items()}


def _change(folder: Path, *, is_disturbed: bool, scale: bool) -> None:
    """Rewrite weights; disturbed ones as well, so that nothing but their values tells these two runs apart."""
    rewrite_weights(folder, scale=scale)
    if is_disturbed:
        disturb_weights(folder)


def _date_back(copy: Path, source: Path, others: Mapping[str, Path] | None = None) -> None:
    """Give every file and folder of a copy the times of what it is a copy of: none tells that it was changed."""
    origins = {Path(place): path for place, path in (others or {}).items()}
    for path in sorted(copy.rglob("*"), reverse=True):  # what lies in a folder before the folder
        place = path.relative_to(copy)
        origin = origins.get(place, source / place)
        _date_like(path, origin if origin.exists() else source)  # a folder that is there for a data set alone
    _date_like(copy, source)


def _date_like(path: Path, source: Path) -> None:
    times = source.stat()
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))


def _caged(question: Mapping[str, Any], place: Place) -> Child:
    """The one door to the sandbox."""
    return run_child(
        GRADER,
        question,
        root=place.root,
        seconds=START_SECONDS,
        packages=closure_of(*PACKAGES),
        next_limit=limits_of({IMPORT: START_SECONDS, question["phases"][0]["name"]: SECONDS}, between=START_SECONDS),
        cage=Cage(readable=place.readable, over=place.over, weakly=place.weakly),
    )
