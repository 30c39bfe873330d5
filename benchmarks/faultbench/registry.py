"""Where cases are written down: a decorator for a fault, one for a healthy control.

A case is a function that builds its subject below a folder. Its name is the slug of the case, its docstring the title,
its return annotation is told again as the kind, so that a tool which knows no such subject costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Build = Callable[[Path], Any]
AnyBuild = TypeVar("AnyBuild", bound=Build)


@dataclass(frozen=True)
class Case:
    """One row of the matrix.

    Attributes:
        slug: Its name.
        title: Shown to readers.
        kind: Class of its subject.
        build: Makes the subject below an empty folder.
        causes: Rows of our catalogue that name the fault; none of a healthy control.
        words: Row of ``words.py``; the first cause unless told otherwise.
        issue: The public issue that it was written from, ``owner/repository#number``.
    """

    slug: str
    title: str
    kind: type
    build: Build
    causes: tuple[str, ...] = ()
    words: str = ""
    issue: str = ""

    @property
    def healthy(self) -> bool:
        """Whether nothing is to be found."""
        return not self.causes

    @property
    def link(self) -> str:
        """Address of the issue."""
        repository, _, number = self.issue.partition("#")
        return f"https://github.com/{repository}/issues/{number}" if number else ""


CASES: dict[str, Case] = {}


def fault(
    kind: type, *causes: str, words: str = "", issue: str = "", slug: str = "", title: str = ""
) -> Callable[[AnyBuild], AnyBuild]:
    """Register a function that builds a subject with a fault.

    Args:
        kind: Class of the subject.
        causes: Rows of the catalogue under which the fault may be told.
        words: Row of ``words.py``, where it is not the first cause.
        issue: A public issue.
        slug: Name, where it is not the function's.
        title: Title, where it is not the docstring.
    """

    def register(build: AnyBuild) -> AnyBuild:
        name = slug or getattr(build, "__name__", "").replace("_", "-")
        if name in CASES:
            raise ValueError(f"Expected a new name for a case, but got {name!r} twice")
        told = title or str(build.__doc__).removesuffix(".")
        CASES[name] = Case(name, told, kind, build, causes, words or (causes[0] if causes else ""), issue)
        return build

    return register


def control(kind: type, *, slug: str = "", title: str = "") -> Callable[[AnyBuild], AnyBuild]:
    """Register a function that builds a healthy subject."""
    return fault(kind, slug=slug, title=title)
