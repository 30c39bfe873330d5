"""A dossier for GitHub: the step's summary in Markdown, and an annotation for each finding.

Both show text that was read from somebody's files, so nothing of it may become a link, an image, a mention, or a
command to the runner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .report import evidence_of, figure, measure, name_of, signs_of
from .told import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .dossier import Dossier
    from .outcome import Outcome

MARKS: Mapping[str, str] = {"passed": "✅", "failed": "❌", "undecided": "❔", "error": "❌", "risk": "⚠️"}
PLAIN = frozenset(" .,-'")  # characters that Markdown takes as they are, beside letters and digits


def as_summary(dossier: Dossier, *, strict: bool = False) -> str:
    """Write a dossier as Markdown."""
    return "\n".join(_lines(dossier, strict=strict)) + "\n"


def _lines(dossier: Dossier, *, strict: bool) -> Iterator[str]:
    verdict = dossier.verdict(strict=strict)
    yield f"## {MARKS[verdict]} {literal(dossier.subject)}: {verdict}"
    yield from (f"\n> {literal(note)}" for note in dossier.notes)
    for outcome in dossier.findings:
        yield from _finding(outcome, dossier)
    if dossier.measured:
        yield from ("", "| | figure | measured | bound | |", "|---|---|---:|---:|---|")
    for one in dossier.measured:
        name = literal(f"{one.part} {one.name}".strip())
        interval = f" ({one.interval[0]:.3f}-{one.interval[1]:.3f})" if one.interval else ""
        mark, bound = MARKS["passed" if one.is_met else "failed"], literal(f"{one.sign} {figure(one.bound)}")
        yield f"| {mark} | {name} | {measure(one)}{interval} | {bound} | {literal(one.note or one.source)} |"
    yield from ("", "| | stage | checks | not looked at |", "|---|---|---|---|")
    for section in dossier.sections:
        own = section.report.outcomes
        fine = ", ".join(outcome.slug for outcome in own if outcome.status == "passed")
        reasons = dict.fromkeys(outcome.reason for outcome in own if outcome.status == "skipped")
        mark = MARKS[section.verdict(strict=strict)]
        left_out = section.reason or "; ".join(reasons)
        yield f"| {mark} | {literal(name_of(section))} | {literal(fine)} | {literal(left_out)} |"


def _finding(outcome: Outcome, dossier: Dossier) -> Iterator[str]:
    severity = outcome.failure.severity
    whose = f" in {literal(outcome.subject)}" if outcome.subject else ""
    expected, _, rest = one_line(outcome.message).partition(" Where: ")
    where, _, cure = rest.partition(" What to do: ")
    yield f"\n### {MARKS[severity]} `{outcome.slug}`{whose}\n"
    yield literal(expected)
    for name, text in (("Where", where), ("What to do", cure)):
        if text:
            yield f"<br>**{name}:** {literal(text)}"
    yield f"\n<details><summary>Evidence; <code>unsilent explain {outcome.slug}</code></summary>\n"
    yield from (f"- {literal(name)}: {literal(text)}" for name, text in evidence_of(outcome))
    for sign in signs_of(outcome, dossier.outcomes):
        yield f"- its sign `{sign.slug}`: {literal(one_line(sign.message).partition(' Where: ')[0])}"
    yield "\n</details>"


def literal(text: str) -> str:
    """A text that Markdown shows as it is: a character written by its number begins no structure."""
    return "".join(one if one.isalnum() or one in PLAIN else f"&#{ord(one)};" for one in one_line(text))


def as_annotations(dossier: Dossier, *, strict: bool = False) -> list[str]:
    """Write the runner's commands: one for each finding, and for each stage that had to run and did not.

    A finding whose evidence names a ``file``, and perhaps a ``line``, is shown there.
    """
    found = [_annotation(outcome, strict=strict) for outcome in dossier.findings]
    for section in dossier.sections:
        if section.required and section.verdict(strict=strict) == "undecided":
            reason = section.reason or "what has to be looked at could not be"
            title = f"{name_of(section)} was not judged"
            found.append(f"::error title={_of_property(title)}::{_of_message(reason)}")
    return found


def _annotation(outcome: Outcome, *, strict: bool) -> str:
    fails = strict or outcome.failure.severity == "error"
    title = f"{outcome.slug} in {outcome.subject}" if outcome.subject else outcome.slug
    match outcome.evidence:
        case {"file": str(file), "line": int(line)}:
            place = f"file={_of_property(file)},line={line},"
        case {"file": str(file)}:
            place = f"file={_of_property(file)},"
        case _:
            place = ""
    return f"::{'error' if fails else 'warning'} {place}title={_of_property(title)}::{_of_message(outcome.message)}"


def _of_message(text: str) -> str:
    """Escape what ends a message: GitHub decodes these, and only these."""
    return one_line(text).replace("%", "%25")


def _of_property(text: str) -> str:
    return _of_message(text).replace(":", "%3A").replace(",", "%2C")
