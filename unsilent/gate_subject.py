"""What there is for the gate to judge: the folder, its parts, the rows it is asked, and what its training wrote down.

Everything here is read, nothing is imported. What is missing that must be there is said before anything is judged.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from .answers import as_number
from .bounds import MAIN
from .bundled import adapters_among, choose_files
from .judging import Asked
from .manifest import ManifestUnusable, read_manifest
from .outcome import Report, failed
from .plain_files import NotPlain, open_plain
from .submission import is_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .gate_config import GateConfig, GatePart

LARGEST = 200_000_000  # bytes of a data set
PROMPTS = 3  # compared token by token; all are made by one function
INIT = "__init__.py"
SHOWN = 8  # names of what is there instead


class GateUnusable(Exception):
    """Something without which nothing can be judged."""

    def __init__(self, expected: str, got: str, where: Path, action: str) -> None:
        """Say what was expected, what was found, where, and what to do."""
        super().__init__(f"Expected {expected}, but got {got}. Where: {where}. What to do: {action}.")


def check_folder(folder: Path) -> None:
    """Refuse what is no package: nothing, a file, a folder that cannot be imported.

    Raises:
        GateUnusable: It is none.
    """
    expected = "the folder of a package that can be bundled"
    try:
        _check_folder(folder, expected)
        with (folder / INIT).open("rb"):
            pass
    except OSError as error:
        got = f"one that cannot be read ({error.strerror})"
        raise GateUnusable(expected, got, folder, "see who may read it, and whether the name is meant") from error


def _check_folder(folder: Path, expected: str) -> None:
    if not folder.is_dir():
        if not folder.exists():
            action = "run the gate where the folder is, or name it as subject in [tool.unsilent] of pyproject.toml"
            raise GateUnusable(expected, "nothing of that name", folder, action)
        action = "name the folder it was made of; adapters and logs in a zip are judged by: unsilent gate FILE.zip"
        raise GateUnusable(expected, "a file", folder, action)
    if not (folder / INIT).is_file():
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:SHOWN]) or "nothing"
        raise GateUnusable(expected, f"no {INIT} in it (there: {there})", folder, "name the package itself as subject")
    if "." in folder.name:  # for an import it would be a package in a package
        action = "rename it: the grader imports it by its name"
        raise GateUnusable(expected, f"a name with a dot, {folder.name!r}", folder, action)


def read_rows(path: Path, action: str = "name the data set in [tool.unsilent] of pyproject.toml") -> list[list[Any]]:
    """Read rows of question and answer.

    Args:
        path: A JSON file.
        action: What to do where there are none.

    Raises:
        GateUnusable: There are none, or one of them is no question with an answer.
    """
    expected = "a JSON list of [question, answer] rows"
    try:
        with open_plain(path) as file:
            content = json.loads(file.read(LARGEST))
    except (NotPlain, OSError, ValueError, RecursionError) as error:
        got = str(error) if isinstance(error, NotPlain) else f"{type(error).__name__}: {error}"
        raise GateUnusable(expected, got, path, action) from error
    if not isinstance(content, list) or not content:
        raise GateUnusable(expected, f"a JSON {type(content).__name__} without a row", path, action)
    for number, row in enumerate(content):
        match row:
            case [str(question), answer, *_] if question.strip() and math.isfinite(as_number(answer)):
                continue
        raise GateUnusable(expected, f"{row!r:.80} as row {number}", path, "repair the row")
    return content


def choose_parts(config: GateConfig) -> tuple[list[GatePart], list[str]]:
    """Which of the grader's parts are there, or may be; of the others, why they are not judged.

    A part without an adapter of its own is there with its loader. One that has an adapter is there with that, or with
    its loader where an adapter lies elsewhere in the folder: it would be loaded from there.
    """
    text = (config.subject / INIT).read_text(encoding="utf-8", errors="replace")
    parts, notes = [], []
    for part in config.parts:
        named = is_named(part.loader, text)
        is_there = part.adapter.exists() if part.adapter else named is not False
        if part.adapter and not is_there:
            is_there = named is not False and _has_other_adapter(config, part.name)
        if part.name == MAIN or is_there:
            parts.append(dataclasses.replace(part, is_certain=part.name == MAIN or named is True))
        else:
            notes.append(describe_absence(part))
    return parts, notes


def describe_absence(part: GatePart) -> str:
    """Why a part is not judged."""
    lacking = part.adapter.name if part.adapter else f"{part.loader} in {INIT}"
    return f"{part.name}: not judged, there is no {lacking}"


def _has_other_adapter(config: GateConfig, name: str) -> bool:
    """Whether an adapter of a part's name lies in the folder that no part names, by whatever link."""
    known = {part.adapter.resolve() for part in config.parts if part.adapter}
    folders = adapters_among(choose_files(config.subject).included)
    return any(name in folder.lower() and (config.subject / folder).resolve() not in known for folder in folders)


def report_absence(folder: Path) -> Report:
    """What is said of an adapter that must be there and is not: nobody needs to look into it."""
    there = ", ".join(sorted(path.name for path in folder.parent.iterdir() if path.is_dir())[:SHOWN]) or "none"
    return Report(
        str(folder),
        (
            failed(
                "adapter-missing",
                "adapter",
                f"Expected a trained adapter, but got no folder of that name (folders there: {there}). Where: "
                f"{folder}. What to do: train one and save it there, or name its folder in [tool.unsilent.parts] of "
                "pyproject.toml.",
                {"folder": str(folder), "there": there},
            ),
        ),
    )


def read_training(part: GatePart) -> list[list[Any]]:
    """The rows that a part was trained on; none where the file is not there."""
    try:
        is_there = part.train_data is not None and part.train_data.exists()
    except OSError:  # a folder that may not be looked into, a name that no file has
        is_there = True
    return read_rows(part.train_data) if part.train_data and is_there else []


def lay_beside(data: Mapping[str, Path]) -> dict[str, Path]:
    """Where data sets lie beside the copy of a subject: as they do beside it; those from elsewhere in ``data``.

    Of two files from elsewhere that have one name the second has its folder's before it.
    """
    found: dict[str, Path] = {}
    for name, path in data.items():
        place = PurePosixPath("data", path.name) if ".." in PurePosixPath(name).parts else PurePosixPath(name)
        while place.as_posix() in found:
            place = place.with_name(f"{path.parent.name}-{place.name}")
        found[place.as_posix()] = path
    return found


def describe_part(part: GatePart, trained_on: Sequence[Sequence[Any]]) -> Asked:
    """What is asked about a part: a few of its training rows, and what training wrote down about the model."""
    manifest = _manifest_of(part)
    dtype = manifest["dtype"]["base"] if manifest else ""
    logits = manifest.get("logits")
    recorded: Mapping[str, Any] = logits if isinstance(logits, dict) else {}
    return Asked(part.name, part.loader, trained_on[:PROMPTS], part.example, part.tokenize, str(dtype), recorded)


def _manifest_of(part: GatePart) -> dict[str, Any]:
    """The manifest beside a part's adapter; empty where there is none, or none that can be relied on."""
    try:
        return (read_manifest(part.adapter) if part.adapter else None) or {}
    except ManifestUnusable:
        return {}
