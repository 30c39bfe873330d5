"""The program ``unsilent``.

    unsilent failures [--json]
    unsilent explain SLUG
    unsilent explain "loss 0.0 grad_norm nan"
    unsilent check adapter DIR...
    unsilent check run PATH...
    unsilent check honesty MODULE:FUNCTION
    unsilent check data FILE...
    unsilent check submission PATH
    unsilent gate [SUBMISSION]

Exit status: 0 all that ran passed, 1 a finding, 2 could not judge. With ``--json`` stdout holds one JSON object and
nothing else; ``--html FILE``, ``--junit FILE`` and ``--github`` write the same for others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
import json
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .delivery import GITHUB, HTML, JUNIT, deliver
from .dossier import Dossier
from .failures import FAILURES
from .gate_command import gate
from .outcome import SCHEMA_VERSION, printable
from .reasoned_rows import REDRAWN
from .submission_command import check_submission
from .termination import tidy_on_sigterm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .failures import Failure
    from .outcome import Report

EXIT_UNDECIDED = 2
WIDTH = 88
JSON = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
WORDS = Annotated[list[str], typer.Argument(help="A slug, or a symptom as typed or pasted; '-' reads stdin.")]
STRICT = Annotated[bool, typer.Option("--strict", help="Risks count as errors.")]
FOLDERS = Annotated[list[str], typer.Argument(help="Adapter folders, zips of them, or a run's output folders.")]
BASE = Annotated[str | None, typer.Option("--base", help="The base's folder; its config.json is enough.")]
QUICK = Annotated[bool, typer.Option("--quick", help="Headers and configuration only, no values.")]
LOGS = Annotated[list[str], typer.Argument(help="trainer_state.json, any log, TensorBoard events, or output folders.")]
TARGET = Annotated[str, typer.Argument(metavar="MODULE:FUNCTION", help="Gives an object with answer(*questions).")]
DATA = Annotated[str, typer.Option("--data", help="JSON list of [question, answer] rows.")]
QUESTIONS = Annotated[str, typer.Option("--questions", help="MODULE:FUNCTION(kind, count, rng): makes new questions.")]
FOLDER = Annotated[
    str, typer.Option("--folder", help="Judge from outside: run a copy of this folder, disturb its files.")
]
ROWS = Annotated[int, typer.Option("--rows", min=1, help="Rows of the data that are asked.")]
HONEST_QUICK = Annotated[bool, typer.Option("--quick", help="Only what costs no more than answering once more.")]
ROW_FILES = Annotated[list[str], typer.Argument(help="JSON, or JSON lines, of [question, answer, reasoning] rows.")]
SAMPLER = Annotated[
    str, typer.Option("--sampler", help="MODULE:FUNCTION(round): loads what wrote the rows, to draw some again.")
]
COUNT = Annotated[int, typer.Option("--count", min=1, help="Rows of each file that are drawn again.")]
SEED = Annotated[int | None, typer.Option("--seed", help="Chooses them as an earlier call did; else anew each time.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # in its markup [question, answer] is a style, and vanishes
    help="Finds the ways in which fine-tuning fails without raising.",
)
check = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Judge a run, an adapter, rows to train on, a submission, or answers.",
)
app.add_typer(check, name="check")


@app.command("failures")
def list_failures(as_json: JSON = False) -> None:
    """List every known failure, by the stage that finds it first."""
    if as_json:
        rows = [dataclasses.asdict(failure) for failure in FAILURES.values()]
        print(json.dumps({"schema_version": SCHEMA_VERSION, "failures": rows}, indent=2))
        return
    for stage in dict.fromkeys(failure.stages[0] for failure in FAILURES.values()):
        print(f"\n{stage}")
        for failure in FAILURES.values():
            if failure.stages[0] == stage:
                _print_row(failure)
    built = sum(not failure.planned for failure in FAILURES.values())
    print(f"\n{len(FAILURES)} failures; {built} with a check, {len(FAILURES) - built} planned. unsilent explain SLUG")


def _print_row(failure: Failure) -> None:
    mark = "" if failure.severity == "error" else f" [{failure.severity}]"
    head = f"  {failure.slug + mark:<28}"
    print(textwrap.fill(failure.symptom, WIDTH, initial_indent=head, subsequent_indent=" " * 30))


@app.command(context_settings={"ignore_unknown_options": True})  # "-100 labels" is a symptom
def explain(words: WORDS, as_json: JSON = False) -> None:
    """Explain a failure by its slug, or find the likely causes of a symptom."""
    from .symptoms import likely_causes, observe  # noqa: PLC0415 - every word that points to a failure

    text = sys.stdin.read() if words == ["-"] else " ".join(words)
    slug = text.strip().lower()
    if slug in FAILURES:
        _explain_failure(FAILURES[slug], as_json=as_json)
        return
    causes = likely_causes(text)
    if not causes:
        near = difflib.get_close_matches(slug, FAILURES, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        _stop(
            "Expected a slug or a symptom with something to recognise (loss 0.0, grad_norm nan, out of memory, "
            f"accuracy 1.0), but got {slug[:60]!r}.{hint} Where: explain. What to do: see unsilent failures."
        )
    if as_json:
        found = [
            {"failure": cause.failure.slug, "weight": round(cause.weight, 3), "signs": cause.signs,
             "next": cause.failure.next_command}
            for cause in causes
        ]  # fmt: skip
        print(json.dumps({"schema_version": SCHEMA_VERSION, "signs": sorted(observe(text)), "causes": found}, indent=2))
        return
    print(f"seen: {', '.join(sorted(observe(text)))}\n")
    for number, cause in enumerate(causes, start=1):
        print(f"{number}. {cause.failure.slug}  ({cause.weight:.0%}; explains {', '.join(cause.signs)})")
        _print_field("", cause.failure.cause)
        _print_next(cause.failure)
        print()
    print(f"More about one of them: unsilent explain {causes[0].failure.slug}")


def _explain_failure(failure: Failure, *, as_json: bool) -> None:
    if as_json:
        content: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "failure": dataclasses.asdict(failure)}
        print(json.dumps(content, indent=2))
        return
    state = "planned" if failure.planned else "checked"
    print(f"{failure.slug}  ({failure.severity}; stages: {', '.join(failure.stages)}; {failure.origin}; {state})\n")
    for name in ("symptom", "cause", "cure", "source"):
        _print_field(f"{name}: ", getattr(failure, name))
    if failure.symptom_of:
        _print_field("may be only a sign of: ", ", ".join(failure.symptom_of))
    _print_next(failure)


def _print_next(failure: Failure) -> None:
    _print_field("next, once it is built: " if failure.planned else "next: ", failure.next_command)


def _print_field(name: str, text: str) -> None:
    text = printable(" ".join(text.split()))
    print(textwrap.fill(text, WIDTH, initial_indent=f"   {name}", subsequent_indent="      ", break_on_hyphens=False))


def _stop(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(EXIT_UNDECIDED)


@check.command("run")
def check_run(  # noqa: PLR0913, PLR0917 - one parameter an option
    paths: LOGS,
    as_json: JSON = False,
    strict: STRICT = False,
    html: HTML = None,
    junit: JUNIT = None,
    github: GITHUB = False,
) -> None:
    """Judge what training runs wrote: since when something is wrong, and which causes fit."""
    from .curves import judge_and_draw  # noqa: PLC0415 - the other commands need not load it

    judged = [judge_and_draw(path, path if len(paths) > 1 else "") for path in paths]
    drawn = [curve for _, curves in judged for curve in curves] if html else []
    dossier = Dossier.of([report for report, _ in judged], drawn)
    deliver(dossier, as_json=as_json, strict=strict, html=html, junit=junit, github=github)


@check.command("adapter")
def check_adapter(  # noqa: PLR0913, PLR0917 - one parameter an option
    folders: FOLDERS,
    base: BASE = None,
    quick: QUICK = False,
    as_json: JSON = False,
    strict: STRICT = False,
    html: HTML = None,
    junit: JUNIT = None,
    github: GITHUB = False,
) -> None:
    """Judge adapters on disk: what each is, and whether it can be trusted."""
    from .adapters import inspect_adapters  # noqa: PLC0415 - numpy, which the other commands need not load

    dossier = Dossier.of(inspect_adapters(folders, base, quick=quick))
    deliver(dossier, as_json=as_json, strict=strict, html=html, junit=junit, github=github)


@contextlib.contextmanager
def _own_stdout() -> Iterator[None]:
    """What a program prints is not the report: it goes to stderr, also from compiled code and child processes."""
    sys.stdout.flush()
    try:
        shown = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # no such descriptors, as in some notebooks
        shown = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if shown is not None:
            os.dup2(shown, 1)
            os.close(shown)


@check.command("honesty")
def check_honesty(  # noqa: PLR0913, PLR0917 - one parameter an option
    target: TARGET,
    data: DATA = "data/valid.json",
    questions: QUESTIONS = "",
    folder: FOLDER = "",
    rows: ROWS = 100,
    quick: HONEST_QUICK = False,
    as_json: JSON = False,
    strict: STRICT = False,
    html: HTML = None,
    junit: JUNIT = None,
    github: GITHUB = False,
) -> None:
    """Do the answers come from the weights? Disturbs them, asks again, and puts them back."""
    from .programs import ProgramUnusable, judge_program  # noqa: PLC0415 - torch, which the other commands need not load

    try:
        with _own_stdout():
            report = judge_program(target, data=data, questions=questions, folder=folder, rows=rows, quick=quick)
    except ProgramUnusable as error:
        _stop(str(error))
    deliver(Dossier.of([report]), as_json=as_json, strict=strict, html=html, junit=junit, github=github)


@check.command("data")
def check_data(  # noqa: PLR0913, PLR0917 - one parameter an option
    files: ROW_FILES,
    sampler: SAMPLER = "",
    count: COUNT = REDRAWN,
    seed: SEED = None,
    as_json: JSON = False,
    strict: STRICT = False,
    html: HTML = None,
    junit: JUNIT = None,
    github: GITHUB = False,
) -> None:
    """Judge rows to train on: are there any, are they clean, did a model write their reasoning."""
    from .row_files import judge_rows  # noqa: PLC0415 - the other commands need not load it

    reports = _with_sampler(files, sampler, count, seed) if sampler else [judge_rows(path) for path in files]
    deliver(Dossier.of(reports), as_json=as_json, strict=strict, html=html, junit=junit, github=github)


def _with_sampler(files: list[str], sampler: str, count: int, seed: int | None) -> list[Report]:
    from .programs import ProgramUnusable, find_named, run_from_here  # noqa: PLC0415 - torch
    from .row_files import judge_rows  # noqa: PLC0415

    try:
        with _own_stdout(), run_from_here():
            load = find_named(sampler, "--sampler")
            return [judge_rows(path, sampler=load, count=count, seed=seed) for path in files]
    except ProgramUnusable as error:
        _stop(str(error))


check.command("submission")(check_submission)
app.command("gate")(gate)


def main() -> None:
    """Run the program; what the screen's encoding lacks is printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with tidy_on_sigterm():
        app(prog_name="unsilent")
