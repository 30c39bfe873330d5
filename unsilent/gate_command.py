"""The command ``unsilent gate``.

    unsilent gate                         # ./homework, or what [tool.unsilent] of pyproject.toml names
    unsilent gate --bound accuracy=0.5    # another bound, for this time
    unsilent gate --attested              # has anything changed since the gate has passed it?
    unsilent gate UTID.zip                # somebody else's folder or zip: read, nothing is run

Exit status: 0 passed, 1 a finding or a change, 2 could not be judged.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .bounds import ConfigInvalid
from .delivery import GITHUB, HTML, JUNIT, deliver
from .outcome import EXIT_STATUS, SCHEMA_VERSION, printable, versions
from .plain_files import is_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .gate_config import GateConfig
    from .outcome import Verdict

SUBMISSION = Annotated[
    Path | None, typer.Argument(help="Another folder, or a zip: code, adapters and logs are read, nothing is run.")
]
BOUND = Annotated[
    list[str] | None,
    typer.Option("--bound", metavar="NAME=VALUE", help="Another bound: accuracy=0.5. Repeatable."),
]
HONESTY = Annotated[str, typer.Option("--honesty", help="Probes of where answers come from: quick or all.")]
ROWS = Annotated[str, typer.Option("--rows", help="Rows answered: a number, or all; the first 100 are scored.")]
ATTESTED = Annotated[bool, typer.Option("--attested", help="Judge nothing: does the last verdict still hold?")]
JSON = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
STRICT = Annotated[bool, typer.Option("--strict", help="Risks count as errors.")]


def gate(  # noqa: PLR0913, PLR0917 - one parameter an option
    submission: SUBMISSION = None,
    bound: BOUND = None,
    honesty: HONESTY = "quick",
    rows: ROWS = "100",
    attested: ATTESTED = False,  # noqa: FBT002 - a flag
    as_json: JSON = False,  # noqa: FBT002
    strict: STRICT = False,  # noqa: FBT002
    html: HTML = None,
    junit: JUNIT = None,
    github: GITHUB = False,  # noqa: FBT002
) -> None:
    """All stages, one verdict, before anything is bundled; written down beside the files it is about."""
    from .gate_config import TOP, read_config  # noqa: PLC0415 - the other commands need not load it

    named = str(submission or TOP["subject"])
    if complaint := _complain(honesty, rows, "--attested" if attested and (html or junit or github) else ""):
        _end(complaint, named, as_json=as_json)
    try:
        config = read_config(bounds=bound or ())
    except ConfigInvalid as error:
        _end(str(error), named, as_json=as_json)
    named = str(submission or os.path.relpath(config.subject))
    if inside := [path for path in (html, junit) if path and is_inside(path, config.subject)]:
        complaint = _say("a report outside of what is judged", "one in it", str(inside[0]), "write it elsewhere")
        _end(complaint, named, as_json=as_json)
    if attested:
        _compare(submission or config.subject, config, as_json=as_json, strict=strict)
    from .gate import judge_elsewhere, run_gate  # noqa: PLC0415 - numpy and more
    from .gate_progress import shown  # noqa: PLC0415
    from .gate_subject import GateUnusable  # noqa: PLC0415

    if submission and not _is_same(submission, config.subject):
        dossier = judge_elsewhere(submission)
    else:
        try:
            with shown(strict=strict) as progress:
                count = None if rows == "all" else int(rows)
                dossier = run_gate(config, count=count, quick=honesty == "quick", strict=strict, progress=progress)
        except GateUnusable as error:
            _end(str(error), named, as_json=as_json)
        except KeyboardInterrupt:
            message = "stopped before there was a verdict; an older attestation is left as it was"
            _end(message, named, as_json=as_json)
    deliver(dossier, as_json=as_json, strict=strict, html=html, junit=junit, github=github)


def _complain(honesty: str, rows: str, reported: str) -> str:
    """What is wrong with the options, in words; empty where nothing is."""
    if honesty not in ("quick", "all"):
        return _say("quick or all", repr(honesty), "--honesty", "choose one of them")
    if rows != "all" and not (rows.isascii() and rows.isdecimal() and int(rows)):
        return _say("a number above 0, or all", repr(rows), "--rows", "write it as --rows 1000")
    if reported:
        action = "leave them out: nothing is judged, so there is nothing to report but what is printed"
        return _say("no --html, --junit or --github", "one of them", reported, action)
    return ""


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _compare(folder: Path, config: GateConfig, *, as_json: bool, strict: bool) -> NoReturn:
    """Say whether the verdict that is written beside the files still holds for them; strictly, without any risk."""
    from .attestation import AttestationUnusable, find_differences, read_attestation  # noqa: PLC0415

    subject = os.path.relpath(folder)
    try:
        attestation = read_attestation(folder)
        differences = find_differences(folder, attestation, bounds=config.bounds.as_json())
    except (AttestationUnusable, OSError) as error:
        _end(str(error), subject, as_json=as_json)
    outcomes, created = attestation["outcomes"], attestation["created"]
    if strict:
        differences += [f"a risk, which counts as an error: {slug}" for slug in _risks(outcomes)]
    verdict: Verdict = "failed" if differences else "passed"
    if as_json:
        _print_json(subject, verdict, outcomes, created=created, differences=differences)
    else:
        since = f"judged {created}; " + ("since then:" if differences else "nothing has changed since")
        print(printable(f"{subject}: {verdict} ({since})"))
        print(*(printable(f"   {line}") for line in differences), sep="\n", end="\n" if differences else "")
    raise typer.Exit(EXIT_STATUS[verdict])


def _risks(outcomes: list[object]) -> Iterator[str]:
    for outcome in outcomes:
        match outcome:
            case {"status": "failed", "severity": "risk", "failure": slug}:
                yield str(slug)


def _say(expected: str, got: str, where: str, action: str) -> str:
    return f"Expected {expected}, but got {got}. Where: {where}. What to do: {action}."


def _end(message: str, subject: str, *, as_json: bool) -> NoReturn:
    """Say why there is no verdict, also to whoever reads JSON."""
    print(f"error: {printable(message)}", file=sys.stderr)
    if as_json:
        _print_json(subject, "undecided", [], reason=message)
    raise typer.Exit(EXIT_STATUS["undecided"])


def _print_json(subject: str, verdict: Verdict, outcomes: list[object], **more: object) -> None:
    """One object with the keys that every command has, and some of its own."""
    content = {"schema_version": SCHEMA_VERSION, "subject": subject, "verdict": verdict, "outcomes": outcomes}
    print(json.dumps({**content, "versions": versions(), **more}, indent=2))
