"""The command ``unsilent check submission``.

    unsilent check submission UTID.zip                   # code, adapters and logs are read; nothing is run
    unsilent check submission UTID.zip --sarif code.sarif
    unsilent check submission UTID.zip --run             # its loaders are called, behind walls

Exit status: 0 passed, 1 a finding, 2 could not be judged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .delivery import GITHUB, HTML, JUNIT, deliver

if TYPE_CHECKING:
    from .dossier import Dossier
    from .outcome import Outcome
    from .submission import Opened


def _named(text: str) -> Path:
    """A path; an empty text is a variable that nobody has set, and not the folder in which this runs."""
    if not text:
        raise typer.BadParameter("Expected a folder, or a zip of one, but got an empty name")
    return Path(text)


SUBMISSION = Annotated[Path, typer.Argument(metavar="PATH", help="A folder, or a zip of one.", parser=_named)]
BASE = Annotated[Path | None, typer.Option("--base", metavar="DIR", help="The base model's folder.")]
QUICK = Annotated[bool, typer.Option("--quick", help="Of adapters headers only; with --run, fewer questions.")]
RUN = Annotated[bool, typer.Option("--run", help="Run it, behind walls: do its answers come from its weights?")]
DATA = Annotated[Path | None, typer.Option("--data", metavar="FILE", help="With --run: rows to ask; it sees them.")]
HIDDEN = Annotated[bool, typer.Option("--hidden", help="With --run: do not show it the file of --data.")]
PACKAGE = Annotated[str, typer.Option("--package", metavar="NAME", help="With --run: which of several packages.")]
ROWS = Annotated[int, typer.Option("--rows", min=1, help="With --run: how many rows are asked.")]
WEAK = Annotated[bool, typer.Option("--weak-sandbox", help="With --run: run it although some protection is missing.")]
SARIF = Annotated[Path | None, typer.Option("--sarif", metavar="FILE", help="Write the findings as SARIF, too.")]
JSON = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
STRICT = Annotated[bool, typer.Option("--strict", help="Risks count as errors.")]


def check_submission(  # noqa: PLR0913, PLR0917 - one parameter an option
    path: SUBMISSION,
    run: RUN = False,  # noqa: FBT002 - a flag
    data: DATA = None,
    hidden: HIDDEN = False,  # noqa: FBT002
    package: PACKAGE = "",
    rows: ROWS = 100,
    base: BASE = None,
    quick: QUICK = False,  # noqa: FBT002
    weak_sandbox: WEAK = False,  # noqa: FBT002
    sarif: SARIF = None,
    as_json: JSON = False,  # noqa: FBT002
    strict: STRICT = False,  # noqa: FBT002
    html: HTML = None,
    junit: JUNIT = None,
    github: GITHUB = False,  # noqa: FBT002
) -> None:
    """Judge somebody's folder or zip: its code, its adapters, its logs."""
    from .sarif import as_sarif  # noqa: PLC0415 - the other commands need not load these
    from .submission import SubmissionUnusable, opened  # noqa: PLC0415
    from .submission_stages import beyond_code, judge_files, undecided, unjudged  # noqa: PLC0415

    code: list[Outcome] = []
    try:
        with opened(path) as submission:
            dossier, code = judge_files(submission, base=base, quick=quick)
            if run:
                options: dict[str, Any] = {"data": data, "hidden": hidden, "package": package, "base": base}
                options |= {"rows": rows, "quick": quick, "weakly": weak_sandbox}
                dossier = _run(dossier, submission, options, strict=strict)
    except SubmissionUnusable as error:
        dossier = undecided(path, str(error))
    log = as_sarif([*code, *beyond_code(dossier)], unjudged=unjudged(dossier))
    more = {sarif: json.dumps(log, indent=2)} if sarif else {}
    deliver(dossier, as_json=as_json, strict=strict, html=html, junit=junit, github=github, more=more)


def _run(dossier: Dossier, submission: Opened, options: dict[str, Any], *, strict: bool) -> Dossier:
    """Run it, and say on stderr what is going on."""
    from .gate_progress import shown  # noqa: PLC0415
    from .submission_answers import Wanted, add_runs  # noqa: PLC0415

    with shown(strict=strict, name="submission") as progress:
        return add_runs(dossier, submission, Wanted(**options), progress)
