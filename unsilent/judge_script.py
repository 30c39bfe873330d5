"""Run by ``judging`` behind the sandbox's walls: import a subject, and judge part after part of it.

A script, and not a module, because it is the first to say where this package lies.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def run(question: Mapping[str, Any], tell: Callable[[dict[str, Any]], None], _: object) -> None:
    """Judge each part, and tell of it as soon as it is judged."""
    sys.path.append(question["checker"])  # behind everything else: the subject comes first
    judge_part = importlib.import_module("unsilent.part_judge").judge_part
    package = importlib.import_module(question["package"])
    for part in question["parts"]:
        started = time.monotonic()
        try:
            found = judge_part(package, part, question)
        except Exception as error:  # noqa: BLE001 - somebody's loader and model may raise anything
            found = {"error": f"{type(error).__name__}: {error}"}
        tell({"part": part["name"], "seconds": time.monotonic() - started, **found})
