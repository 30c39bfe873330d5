"""What can be said of a submission without running it: its code, its adapters, and what its training runs wrote.

    with opened(path) as submission:
        dossier, code = judge_files(submission)

Code and weights may show the same fault. It is told once then: where both name one failure, with the weights, and the
line of code in the evidence; where the code is the cause and the weights show its sign, with the code.
"""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .adapters import CHECKS, inspect_adapter
from .curves import judge_and_draw
from .dossier import Dossier, Section, UpdateNorms
from .failures import FAILURES
from .outcome import Card, Report, skipped
from .rewriting import has_weights
from .runs import SLUGS
from .sources import find_sources
from .submission import SubmissionUnusable, find_adapters, find_logs, leaving, opened
from .submission_code import NO_ENTRANCE, RULES, STAGE, judge_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .dossier import Curve
    from .failures import Stage
    from .outcome import Outcome
    from .sources import SourceTree
    from .submission import Opened

CODE = tuple(dict.fromkeys(slug for _, slugs in RULES for slug in slugs))  # what code can show
LOOKED_FOR: Mapping[str, Stage] = {
    **dict.fromkeys(SLUGS, "runs"),
    **dict.fromkeys(CHECKS, "adapter"),
    **dict.fromkeys(CODE, STAGE),
}
NO_CODE = "no Python file in it"
NOTHING = "no code, no adapter and no log of a training run in it"
MOST_TOLD = 3  # unread files
NO_ADAPTER = "no adapter in it: its code was judged, and a grader would find nothing to load"


def judge_files(submission: Opened, *, base: Path | None = None, quick: bool = False) -> tuple[Dossier, list[Outcome]]:
    """Judge code, adapters and logs; nothing of it is imported or run.

    Args:
        submission: Opened.
        base: Folder of the base model; every adapter's names and shapes are held against its ``config.json``.
        quick: Of adapters only headers and configuration.

    Returns:
        A section for the code, one for each adapter, and one for each log; and what was found in the code, as it was
        before it was bound to the others.
    """
    started = time.monotonic()
    tree = find_sources(submission.root)
    code = judge_sources(tree)
    logs = find_logs(submission.root)
    adapters = _adapters(submission, tree, code, base, quick=quick, has_logs=bool(logs))
    is_anything = bool(tree.sources or tree.unread or logs or adapters[0].reason != NOTHING)
    sections = [_code(tree, code, time.monotonic() - started, is_anything=is_anything), *adapters]
    curves: list[Curve] = []
    for place in logs:
        section, drawn = _run(submission, place)
        sections.append(section)
        curves += drawn
    if not curves and all(section.stage != "runs" for section in sections):
        sections.append(Section("runs", "", Report("runs", ()), 0.0, reason="no log of a training run in it"))
    dossier = Dossier(
        str(submission.named),
        tuple(tell_once(sections)),
        curves=tuple(curves),
        norms=tuple(one for section in sections for one in UpdateNorms.of(section.part, section.report.cards)),
        notes=tuple(_notes(tree)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return dossier, code


def _code(tree: SourceTree, code: Sequence[Outcome], seconds: float, *, is_anything: bool) -> Section:
    """The code's section. What runs and could not be read counts against green; that there is no code does not."""
    if all(one.reason == NO_ENTRANCE for one in code):
        reason = NO_ENTRANCE if tree.sources or tree.unread else NO_CODE if is_anything else NOTHING
        return Section(STAGE, "", Report("code", tuple(code)), seconds, required=not is_anything, reason=reason)
    unknown = frozenset(one.slug for one in code if one.status == "skipped")
    return Section(STAGE, "", Report("code", tuple(code), needed=unknown), seconds, required=True)


def _adapters(  # noqa: PLR0913 - one parameter for each thing that may be there in its stead
    submission: Opened, tree: SourceTree, code: Sequence[Outcome], base: Path | None, *, quick: bool, has_logs: bool
) -> list[Section]:
    """A section for each. Code alone is no finding: it may be read long before anything is trained."""
    if found := find_adapters(submission.root):
        return [_adapter(submission, place, base, quick=quick) for place in found]
    if has_weights(submission.root):
        reason = "no adapter in it, and other weights"
    elif any(one.status != "skipped" for one in code):
        reason = NO_ADAPTER
    elif tree.sources or tree.unread:
        reason = "no adapter in it"
    elif has_logs:  # somebody has trained
        return [_adapter(submission, submission.root, base, quick=quick)]
    else:
        reason = NOTHING
    return [Section("adapter", "", Report("adapter", ()), 0.0, reason=reason)]


def _notes(tree: SourceTree) -> list[str]:
    """How much was read, where not all of it could be."""
    unread = [f"{file}: {reason}" for file, reason in tree.unread.items()]
    count = "1 file of code was" if len(unread) == 1 else f"{len(unread)} files of code were"
    return [f"{count} not read: {'; '.join(unread[:MOST_TOLD])}"] if unread else []


def _adapter(submission: Opened, place: Path, base: Path | None, *, quick: bool) -> Section:
    started = time.monotonic()
    name = submission.name_of(place)
    if reason := _leaving(submission, place):
        return Section("adapter", name, Report("adapter", ()), 0.0, required=True, reason=reason)
    report = inspect_adapter(place, base, quick)
    return Section("adapter", name, _shown(submission, report), time.monotonic() - started, required=True)


def _run(submission: Opened, place: Path) -> tuple[Section, list[Curve]]:
    started = time.monotonic()
    name = submission.name_of(place)
    if reason := _leaving(submission, place):
        return Section("runs", name, Report("runs", ()), 0.0, required=True, reason=reason), []
    report, drawn = judge_and_draw(place, name)
    return Section("runs", name, _shown(submission, report), time.monotonic() - started), drawn


def _leaving(submission: Opened, place: Path) -> str:
    """Why a folder is not read: a link in it shows what is none of the submission; empty where there is none."""
    found = leaving(place, submission.root)
    return f"{submission.name_of(found)} is a link that leads out of what was handed in" if found else ""


def _shown(submission: Opened, report: Report) -> Report:
    """A report that names the zip, and not the place where it was unpacked."""
    outcomes = tuple(
        dataclasses.replace(
            one,
            message=submission.shown(one.message),
            reason=submission.shown(one.reason),
            evidence=submission.shown(dict(one.evidence)),
        )
        for one in report.outcomes
    )
    cards = tuple(Card(submission.shown(dict(card.content)), submission.shown(card.lines)) for card in report.cards)
    return dataclasses.replace(report, subject=submission.shown(report.subject), outcomes=outcomes, cards=cards)


def tell_once(sections: Sequence[Section]) -> list[Section]:
    """Bind what code and weights both show, so that one fault is one finding with both places.

    A finding of the code is left out where another stage has the same failure, whose evidence takes its line. Where
    another stage has a failure that may be its sign, it takes that one's subject, under which a report folds signs.
    """
    shown = [
        (section.part, outcome)
        for section in sections
        if not _is_code(section)
        for outcome in section.report.outcomes
        if outcome.status == "failed"
    ]
    code = [one for section in sections if _is_code(section) for one in section.report.outcomes]
    places = {slug: [_place(one) for one in code if _is_told(one, slug)] for slug in CODE}
    return [
        dataclasses.replace(section, report=dataclasses.replace(section.report, outcomes=tuple(outcomes)))
        for section in sections
        for outcomes in [
            [_bound(one, shown) for one in section.report.outcomes]
            if _is_code(section)
            else [_with_code(one, places.get(one.slug, [])) for one in section.report.outcomes]
        ]
    ]


def _is_code(section: Section) -> bool:
    return section.stage == STAGE and not section.part


def _is_told(outcome: Outcome, slug: str) -> bool:
    return outcome.status == "failed" and outcome.slug == slug and "line" in outcome.evidence


def _place(outcome: Outcome) -> str:
    return f"{outcome.evidence['file']}:{outcome.evidence['line']}: {outcome.evidence['code']}"


def _with_code(outcome: Outcome, places: Sequence[str]) -> Outcome:
    """A finding of another stage, with the lines of code that say the same."""
    if outcome.status != "failed" or not places:
        return outcome
    message = outcome.message.replace(" What to do: ", f" In the code: {places[0]}. What to do: ", 1)
    return dataclasses.replace(outcome, message=message, evidence={**outcome.evidence, "code": list(places)})


def _bound(outcome: Outcome, shown: Sequence[tuple[str, Outcome]]) -> Outcome:
    """A finding of the code, as it is told where other stages have findings, too."""
    if not _is_told(outcome, outcome.slug):
        return outcome
    for part, other in shown:
        if other.slug == outcome.slug:
            told = f"{other.stage} of {part}" if part else other.stage
            return skipped(outcome.slug, STAGE, f"found at {_place(outcome)}, and told with {told}")
    for part, other in shown:
        if outcome.slug in _roots_of(other.slug):
            return dataclasses.replace(outcome, subject="/".join(filter(None, (part, other.subject))))
    return outcome


def _roots_of(slug: str) -> set[str]:
    """Every failure that this one may be a sign of, and what those may be signs of."""
    found: set[str] = set()
    left = [slug]
    while left:
        new = set(FAILURES[left.pop()].symptom_of) - found
        found |= new
        left += new
    return found


def beyond_code(dossier: Dossier) -> list[Outcome]:
    """What other stages than the code's have found."""
    rest = [one for section in dossier.sections if not _is_code(section) for one in section.outcomes]
    return [one for one in rest if one.status == "failed"]


def unjudged(dossier: Dossier) -> list[str]:
    """What had to be judged and was not, with the reason, in a sentence for each section."""
    told = []
    for one in dossier.sections:
        if one.required and one.verdict() == "undecided":
            reasons = dict.fromkeys(filter(None, (one.reason, *(outcome.reason for outcome in one.outcomes))))
            name = " of ".join(filter(None, (one.stage, one.part)))
            told.append(f"{name} could not be judged: {'; '.join(reasons)}")
    return told


def judge_path(path: Path) -> tuple[Dossier, list[Outcome]]:
    """Open and judge; what cannot be opened is undecided, with the reason."""
    try:
        with opened(path) as submission:
            return judge_files(submission)
    except SubmissionUnusable as error:
        return undecided(path, str(error)), []


def undecided(path: Path, reason: str) -> Dossier:
    """What is said of something that cannot be opened."""
    outcomes = tuple(skipped(slug, stage, reason) for slug, stage in LOOKED_FOR.items())
    return Dossier(str(path), (Section(STAGE, "", Report("code", outcomes), 0.0, required=True),))


def judge_submission(path: Path) -> Report:
    """The same as one report: an outcome at least for each failure that is looked for."""
    dossier, _ = judge_path(path)
    told = {one.slug for one in dossier.outcomes}
    reasons = {section.stage: section.reason for section in dossier.sections}
    missing = [
        skipped(slug, stage, reasons.get(stage) or reasons[STAGE])
        for slug, stage in LOOKED_FOR.items()
        if slug not in told
    ]
    return Report(str(path), (*dossier.outcomes, *missing), tuple(dossier.cards))
