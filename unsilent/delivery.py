"""How a command ends: its dossier printed, written to the files that were asked for, and turned into an exit status.

The options stand here as types, so that every command that judges takes the same: ``html: HTML = None, junit: JUNIT =
None, github: GITHUB = False``, and ends with ``deliver(dossier, ...)``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .outcome import EXIT_STATUS, printable
from .report import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .dossier import Dossier

HTML = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML page, too.")]
JUNIT = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, too.")]
GITHUB = Annotated[bool, typer.Option("--github", help="Write the step's summary and annotations of GitHub, too.")]
SUMMARY = "GITHUB_STEP_SUMMARY"  # names the file that GitHub shows under a job
LONGEST_SUMMARY = 1_000_000  # bytes; GitHub takes 1 MiB of a step and else shows nothing of it


def deliver(  # noqa: PLR0913 - one parameter an option
    dossier: Dossier,
    *,
    as_json: bool,
    strict: bool,
    html: Path | None = None,
    junit: Path | None = None,
    github: bool = False,
    more: Mapping[Path, str] | None = None,
) -> NoReturn:
    """Print a dossier, write what was asked for, and end with its status; 2 where a file could not be written.

    Args:
        dossier: What was found.
        as_json: Print it as one JSON object.
        strict: Risks count as errors.
        html: Where one HTML page goes.
        junit: Where JUnit XML goes.
        github: Whether GitHub's summary and annotations are written.
        more: What else is written, by its place: whatever only one command has.
    """
    if as_json:
        print(dossier.as_json(strict=strict))
    else:
        show(dossier, strict=strict)
    written = []
    if html:
        from .report_html import as_html  # noqa: PLC0415 - each takes as long as judging a small adapter

        written.append(_write(html, as_html(dossier, strict=strict)))
    if junit:
        from .report_junit import as_junit  # noqa: PLC0415

        written.append(_write(junit, as_junit(dossier, strict=strict)))
    written += [_write(path, text) for path, text in (more or {}).items()]
    if github:
        from .report_github import as_annotations, as_summary  # noqa: PLC0415

        for line in as_annotations(dossier, strict=strict):
            print(line, file=sys.stderr if as_json else sys.stdout)
        if path := os.environ.get(SUMMARY):
            summary = as_summary(dossier, strict=strict).encode()[:LONGEST_SUMMARY].decode(errors="ignore")
            written.append(_write(Path(path), summary, mode="a"))
    raise typer.Exit(dossier.exit_status(strict=strict) if all(written) else EXIT_STATUS["undecided"])


def _write(path: Path, text: str, *, mode: str = "w") -> bool:
    got = ""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe would be waited for
            got = "something that is no plain file"
        else:
            with path.open(mode, encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
    except OSError as error:
        got = error.strerror or str(error)
    if got:
        message = (
            f"Expected a file that can be written, but got {got}. Where: {path}. "
            "What to do: name a file in a folder that exists; the verdict is the one printed."
        )
        print(f"error: {printable(message)}", file=sys.stderr)
    return not got
