"""Rows with reasoning, before anything is trained on them: there, finished, of today's questions, clean, and sampled.

Imported by training and ``test`` commands; answering needs none of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from unsilent.fabrication import check_fabricated
from unsilent.outcome import FailureFound
from unsilent.provenance import ProvenanceUnusable, read_provenance, sidecar_of
from unsilent.reasoning import check_dirty_rows

from .configuration import SamplingConfig
from .data import Dataset, data_dir
from .errors import DatasetUnreadable, RowsUnusable
from .journal import journal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .base_llm import BaseLLM
    from .data import Row


def read_sampled(
    split: str,
    questions: Sequence[Row],
    sampler: Callable[[Mapping[str, object]], BaseLLM] | None = None,
    *,
    unproven: bool = False,
) -> list[Row]:
    """Read ``data/<split>.json`` and refuse what should not be learnt.

    Args:
        split: Name of the rows, or a path.
        questions: What they were sampled for.
        sampler: Loads the model of a recorded round, with which a few rows are drawn again.
        unproven: Take rows of which nothing shows that a model wrote them; edited ones are refused all the same.

    Raises:
        RowsUnusable: Missing, unfinished, sampled for other questions, or unproven; the message has the command that
            makes them.
        FailureFound: Rows that are dirty, or that their model did not write.
    """
    try:
        data = Dataset(split)
    except DatasetUnreadable as error:
        path = split if split.endswith(".json") else data_dir() / f"{split}.json"
        command = make_command(Path(path))
        raise RowsUnusable(
            expected="rows with sampled reasoning", got=error.got, where=error.where, action=command
        ) from None
    if (journal := journal_of(data.path)).exists():
        raise RowsUnusable(
            expected="rows whose sampling is finished",
            got=f"an unfinished journal beside them, {journal.name}",
            where=str(data.path),
            action=f"{go_on_command(data.path)} goes on where it was; or delete the journal",
        )
    known = {(str(row[0]), float(row[1])) for row in questions}
    strangers = [row for row in data.rows if (str(row[0]), float(row[1])) not in known]
    if strangers:
        raise RowsUnusable(
            expected="rows sampled for the questions of train",
            got=f"{len(strangers)} of {len(data)} for others, such as {str(strangers[0][0])[:60]!r}: they are stale",
            where=str(data.path),
            action=make_command(data.path),
        )
    _must_be_sampled(data, sampler, unproven=unproven)
    return data.rows


def make_command(path: Path) -> str:
    """The command that makes these rows, anew where some are there."""
    return f"python -m homework.datagen {_near(path)}" + (" --overwrite" if sidecar_of(path).exists() else "")


def go_on_command(path: Path) -> str:
    """The command that an unfinished job was begun with, as its journal has it."""
    try:
        with journal_of(path).open(encoding="utf-8") as file:
            begun = json.loads(file.readline())
        usual = SamplingConfig().identity()
        changed = {name: begun[name] for name in usual if begun[name] != usual[name]}
        options = [f"--{name}" if value is True else f"--{name} {value}" for name, value in changed.items()]
    except (OSError, ValueError, KeyError, TypeError):
        return make_command(path)
    return " ".join(["python -m homework.datagen", _near(path), *options])


def _near(path: Path) -> str:
    """The path as somebody here would type it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _must_be_sampled(
    data: Dataset, sampler: Callable[[Mapping[str, object]], BaseLLM] | None, *, unproven: bool
) -> None:
    """Judge form and origin of every row; what could be said about the origin is printed."""
    try:
        record = read_provenance(sidecar_of(data.path))
    except ProvenanceUnusable as error:
        raise RowsUnusable(
            expected="a readable record beside the rows",
            got=error.got,
            where=str(data.path),
            action=make_command(data.path),
        ) from error
    origin = check_fabricated(data.rows, record, sampler=sampler, data=data.path.read_bytes())
    for outcome in (check_dirty_rows(data.rows), origin):
        if outcome.status == "failed":
            print(f"to make these rows anew: {make_command(data.path)}", flush=True)
            raise FailureFound(outcome)
    if origin.status == "skipped" and not unproven:
        raise RowsUnusable(
            expected="rows of which a few can be drawn again, to show that a model wrote them",
            got=origin.reason,
            where=str(data.path),
            action=f"{make_command(data.path)}, or train on them as they are: --unproven",
        )
    print(f"origin:      {origin.reason or origin.message}", flush=True)
