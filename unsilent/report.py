"""A dossier as text for people: the verdict first, then figures, stages, findings, and what could not be looked at.

No line is wider than 80 columns unless a name is, and no colour is needed to understand one; where a terminal shows
colours, rich sets them. Text that was read from somebody's files steers neither the terminal nor GitHub's log.

    show(Dossier.of([inspect_adapter("sft_model")]))
"""

from __future__ import annotations

import math
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from .outcome import printable
from .told import CARD, one_line, tell_rest, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .dossier import Dossier, Measured, Section
    from .outcome import Card, Outcome

STYLES = {"passed": "bold green", "failed": "bold red", "undecided": "bold yellow", "error": "red", "risk": "yellow"}
LONGEST_EVIDENCE = 240  # characters of one fact; --json holds all
MANY = 10_000  # from which on a whole number is written with commas
HARMLESS = ((re.compile(r"^(\s*):(?=:)"), r"\1\\x3a"), (re.compile(r"#(?=#\[)"), r"\\x23"))


class Line(NamedTuple):
    """A line, and the name of its style where it has one."""

    text: str
    style: str = ""


def show(dossier: Dossier, *, strict: bool = False) -> None:
    """Print a dossier to stdout, in colours on a terminal that has them."""
    lines = describe(dossier, strict=strict)
    if not sys.stdout.isatty():
        print(*(line.text for line in lines), sep="\n")
        return
    from rich.console import Console  # noqa: PLC0415 - takes as long as a small report
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=sys.stdout, highlight=False)
    for line in lines:
        console.print(Text(line.text, STYLES.get(line.style, line.style)), soft_wrap=True)


def describe(dossier: Dossier, *, strict: bool = False) -> list[Line]:
    """A dossier line by line: that of plain reports one report after the other, that of the gate as a whole."""
    reports = [section.report for section in dossier.sections]
    if dossier.subject == ", ".join(report.subject for report in reports):
        found = [line for section in dossier.sections for line in _of_report(section, strict=strict)]
    else:
        found = list(_of_gate(dossier, strict=strict))
    return [Line(harmless(text), style) for text, style in found]


def harmless(line: str) -> str:
    """A line that GitHub takes for no command to its runner (``::add-mask::``, ``##[error]``), whoever wrote it."""
    for pattern, replacement in HARMLESS:
        line = pattern.sub(replacement, line)
    return line


def _of_report(section: Section, *, strict: bool) -> Iterator[Line]:
    report, verdict = section.report, section.verdict(strict=strict)
    yield Line(printable(f"{report.subject}: {verdict}"), verdict)
    yield from _cards(report.cards)
    for outcome in report.findings:
        yield from _finding(outcome, report.outcomes)
    yield from _rest(report.outcomes)


def _of_gate(dossier: Dossier, *, strict: bool) -> Iterator[Line]:
    verdict = dossier.verdict(strict=strict)
    yield Line(printable(f"{dossier.subject}: {verdict}"), verdict)
    for note in dossier.notes:
        yield from map(Line, wrap(one_line(note), "   ", "   "))
    if dossier.measured:
        yield Line("\nbounds", "bold")
        yield from _bounds(dossier.measured)
    yield Line("\nstages", "bold")
    for section in dossier.sections:
        yield _stage(section, strict=strict)
    if findings := dossier.findings:
        yield Line("\nfindings", "bold")
        for outcome in findings:
            yield from _finding(outcome, dossier.outcomes)
    yield Line("\nwhat was looked at", "bold")
    for section in dossier.sections:
        yield from _rest(section.report.outcomes, f" in {name_of(section)}")
        if section.reason:
            yield from map(Line, wrap(f"skipped: {name_of(section)} ({one_line(section.reason)})", "   "))


def name_of(section: Section) -> str:
    """``adapter of sft``."""
    return one_line(f"{section.stage} of {section.part}" if section.part else section.stage)


def _stage(section: Section, *, strict: bool) -> Line:
    """A stage in one line: its verdict, how long it took, and how many checks ended how."""
    verdict = section.verdict(strict=strict)
    must = "" if verdict != "undecided" else "required" if section.required else "not required"
    said = ", ".join(filter(None, (count_checks(section, strict=strict), must)))
    return Line(f"   {name_of(section):<21} {verdict:<9} {section.seconds:>6.1f} s   {said}".rstrip(), verdict)


def count_checks(section: Section, *, strict: bool) -> str:
    """How many checks ended how: ``1 failed, 13 passed, 1 skipped``. A risk that does not count is no failure."""
    count = Counter(
        "risk" if outcome.status == "failed" and outcome.failure.severity == "risk" and not strict else outcome.status
        for outcome in section.report.outcomes
    )
    return ", ".join(f"{count[one]} {one}" for one in ("failed", "risk", "passed", "skipped") if count[one])


def _bounds(measured: Sequence[Measured]) -> Iterator[Line]:
    for one in measured:
        name = one_line(f"{one.part} {one.name}".strip())
        interval = f"  ({one.interval[0]:.3f}-{one.interval[1]:.3f})" if one.interval else ""
        mark = "met" if one.is_met else "NOT"
        text = f"   {mark}  {name:<24} {measure(one):>12} {one.sign:>2} {figure(one.bound):<12}{interval}"
        yield Line(text.rstrip(), "" if one.is_met else "failed")
        for note in filter(None, (one.note, "" if one.is_met else f"the bound: {one.source}")):
            yield from map(Line, wrap(one_line(note), " " * 8, " " * 8))


def measure(one: Measured) -> str:
    """What was measured, in as many digits as its interval has."""
    return f"{one.value:.3f}" if one.interval and math.isfinite(one.value) else figure(one.value)


def figure(value: float) -> str:
    """A number as people read it."""
    if math.isnan(value):
        return "not measured"
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == int(value) and abs(value) >= MANY else f"{value:.4g}"


def _cards(cards: Sequence[Card]) -> Iterator[Line]:
    for card in cards:
        for line in card.lines:
            yield from map(Line, wrap(printable(line), "   ", CARD))


def _finding(outcome: Outcome, outcomes: Sequence[Outcome]) -> Iterator[Line]:
    """What was found, the evidence, and under it the findings that are only signs of it."""
    severity = outcome.failure.severity
    whose = f"{outcome.subject}: " if outcome.subject else ""
    also = f" (also: {', '.join(outcome.symptoms)})" if outcome.symptoms else ""
    first, *more = wrap(one_line(f"{whose}[{severity}] {outcome.slug}{also}: {outcome.message}"), "   ")
    yield Line(first, severity)
    yield from map(Line, more)
    told = "; ".join(f"{name} {text}" for name, text in evidence_of(outcome))
    yield from map(Line, wrap(f"evidence: {told}", " " * 6, " " * 9))
    for sign in signs_of(outcome, outcomes):
        told = sign.message.partition(" Where: ")[0]
        yield from map(Line, wrap(one_line(f"{sign.slug}: {told}"), " " * 6, " " * 9))


def signs_of(outcome: Outcome, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The findings that are only signs of this one."""
    return [
        sign
        for sign in outcomes
        if sign.status == "failed" and sign.slug in outcome.symptoms and sign.subject == outcome.subject
    ]


def evidence_of(outcome: Outcome, longest: int = LONGEST_EVIDENCE) -> list[tuple[str, str]]:
    """The evidence, a name and a line each; of what is long, the beginning."""
    return [
        (one_line(name.replace("_", " ")), textwrap.shorten(_said(value), longest, placeholder=" ..."))
        for name, value in outcome.evidence.items()
    ]


def _said(value: object, *, inside: bool = False) -> str:
    """A plain value in words: ``loss 4.9, grad_norm nan``; what stands inside of another value is in brackets."""
    match value:
        case bool() | None:
            return {True: "yes", False: "no", None: "none"}[value]
        case float():
            return f"{value:.6g}"
        case Mapping():
            told = ", ".join(f"{name} {_said(one, inside=True)}" for name, one in value.items())
        case list() | tuple():
            told = ", ".join(_said(one, inside=True) for one in value)
        case _:
            return one_line(str(value))
    return f"({one_line(told)})" if inside else one_line(told) or "none"


def _rest(outcomes: Sequence[Outcome], where: str = "") -> Iterator[Line]:
    fine = [outcome for outcome in outcomes if outcome.status == "passed"]
    yield from map(
        Line,
        tell_rest(
            passed=[outcome.slug for outcome in fine],
            noticed=[outcome.message for outcome in fine if outcome.message],
            skipped=[(outcome.slug, outcome.reason) for outcome in outcomes if outcome.status == "skipped"],
            where=where,
        ),
    )
