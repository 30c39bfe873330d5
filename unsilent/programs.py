"""A program under test, by name: imported, with its data and its source of questions, and handed to the probes.

    unsilent check honesty homework:load_sft --data data/valid.json

In this process for one's own code; with ``--folder`` in processes of their own, on a copy (``outside.py``).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import is_right
from .asking import ProgramFailed
from .honesty import probe_honesty
from .outside import probe_outside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .outcome import Report

LARGEST = 200_000_000  # bytes of a data set


class ProgramUnusable(Exception):
    """A program, data set or source of questions that is not there, or not what it should be."""


def judge_program(  # noqa: PLR0913 - one option for each thing that only the caller knows
    target: str, *, data: str, questions: str = "", folder: str = "", rows: int = 100, quick: bool = False
) -> Report:
    """Judge the program behind ``target``.

    Args:
        target: ``module:function``, called without arguments, or ``module:object`` with ``answer``.
        data: JSON list of rows.
        questions: ``module:function``, a source of new questions; empty for one made from the data.
        folder: Where the program lies, to be judged from outside; empty to import it here.
        rows: How many rows are asked.
        quick: Only the probes that cost no more than answering once more.

    Raises:
        ProgramUnusable: One of these is not there, or not what it should be.
    """
    try:
        with run_from_here():
            dataset = _read(Path(data))
            source = find_named(questions, "--questions") if questions else None
            if folder:
                return _judge_outside(Path(folder), target, dataset, source, rows)
            return probe_honesty(_load(target), dataset, source, rows=rows, quick=quick)
    except ProgramUnusable:
        raise
    except ProgramFailed as error:
        raise _unusable("a program that answers", str(error), target, "run it by hand first") from error
    except Exception as error:  # of rows or folders, in words for people already; or of somebody's own code
        if type(error) is ValueError and str(error).startswith("Expected "):
            raise ProgramUnusable(str(error)) from error
        got = f"{type(error).__name__}: {error}"
        raise _unusable("a program, questions and a folder that work", got, target, "run each by hand first") from error


@contextlib.contextmanager
def run_from_here() -> Iterator[None]:
    """Import from the current directory; a program that ends the process must not look like one that passed."""
    here, end = str(Path.cwd()), os._exit
    sys.path.insert(0, here)
    os._exit = _end_loudly  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = end
        sys.path.remove(here)


def _judge_outside(folder: Path, target: str, dataset: list[Any], source: Any, rows: int) -> Report:  # noqa: ANN401
    if not folder.is_dir():
        raise _unusable("a folder", "none", str(folder), "name the folder the program lies in")
    return probe_outside(folder, target, dataset, source, rng=random.Random(0), is_right=is_right, rows=rows)


def _load(target: str) -> Any:  # noqa: ANN401
    """The object with ``answer`` behind a name."""
    made = find_named(target, "MODULE:FUNCTION")
    if isinstance(made, type) or not hasattr(made, "answer"):
        made = _call(made, target)
    if not callable(getattr(made, "answer", None)):
        raise _unusable("an object with answer(*questions)", type(made).__name__, target, "return one from it")
    return made


def _end_loudly(status: int) -> None:
    raise SystemExit(status)


def _unusable(expected: str, got: str, where: str, action: str) -> ProgramUnusable:
    return ProgramUnusable(f"Expected {expected}, but got {got}. Where: {where}. What to do: {action}.")


def _read(path: Path) -> list[Any]:
    try:
        size = path.stat().st_size
        content = json.loads(path.read_text(encoding="utf-8")) if size <= LARGEST else None
    except (OSError, ValueError, RecursionError) as error:
        got = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise _unusable("a JSON list of rows", got, str(path), "name the data set with --data") from error
    if not isinstance(content, list):
        got = f"a JSON {type(content).__name__}" if size <= LARGEST else f"a file of {size / 1e6:.0f} MB"
        raise _unusable("a JSON list of rows", got, str(path), "name the data set with --data")
    return content


def find_named(name: str, what: str) -> Any:  # noqa: ANN401 - whatever stands there
    """Import what ``module:function`` names; ``what`` is the option that it was given with.

    Raises:
        ProgramUnusable: It is no such name, or nothing that can be imported.
    """
    module, colon, attributes = name.partition(":")
    if not (module and colon and attributes):
        raise _unusable("module:function", repr(name), what, "write it as package.module:load")
    try:
        found = importlib.import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as error:  # somebody's module may raise anything
        raise _unusable(
            "something that can be imported from here", f"{type(error).__name__}: {error}", name,
            "run this where the module can be imported",
        ) from error  # fmt: skip
    return found


def _call(function: Any, name: str) -> Any:  # noqa: ANN401
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise _unusable(
            "a function that loads the program", f"{type(error).__name__}: {error}", name, "run it by hand first"
        ) from error
