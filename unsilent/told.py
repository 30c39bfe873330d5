"""What a report says about one failure, for whoever asks failure by failure: pytest's items.

A finding is told with its evidence and the signs under it. A sign is not told twice: it is skipped where its root is
told, and told itself where the root was not asked for, so that a narrow question is never answered with silence.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from .outcome import fold_symptoms, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .outcome import Outcome, Report, Verdict

WIDTH = 80  # as wide as a terminal is at least, and as pytest draws its lines
CARD = " " * 16  # where the second column of a card begins
LONGEST_EVIDENCE = 600  # characters that are shown of it; ``--json`` and JUnit's properties hold all

Status = Literal["passed", "failed", "skipped", "risk"]


@dataclass(frozen=True)
class Told:
    """The answer to one question.

    Attributes:
        status: ``passed``, ``failed``, ``skipped``, or ``risk`` for a finding that does not fail.
        line: In one line: what was found, why it was skipped, what was noticed.
        text: Of a finding, all of it.
        findings: What it is made of.
    """

    status: Status
    line: str = ""
    text: str = ""
    findings: tuple[Outcome, ...] = ()


def tell(report: Report, slug: str, asked: Collection[str], *, strict: bool = False) -> Told:
    """Tell what a report says about a failure.

    Args:
        report: Of one thing, or of several together.
        slug: The failure.
        asked: Every failure that is asked about.
        strict: A finding of severity risk fails, too.
    """
    of_asked = fold_symptoms([outcome for outcome in report.outcomes if outcome.slug in asked])
    found = [outcome for outcome in of_asked if outcome.status == "failed"]
    if mine := tuple(outcome for outcome in found if outcome.slug == slug):
        fails = strict or mine[0].failure.severity == "error"
        text = "\n\n".join("\n".join(_lines(outcome, report)) for outcome in mine)
        return Told("failed" if fails else "risk", _short(mine[0]), text, mine)
    if roots := [outcome.slug for outcome in found if slug in outcome.symptoms]:
        return Told("skipped", f"found as a sign of {', '.join(dict.fromkeys(roots))}, and told there")
    outcomes = [outcome for outcome in report.outcomes if outcome.slug == slug]
    if any(outcome.status == "passed" for outcome in outcomes):
        return Told("passed", "; ".join(dict.fromkeys(outcome.message for outcome in outcomes if outcome.message)))
    return Told("skipped", "; ".join(dict.fromkeys(outcome.reason for outcome in outcomes)))


def _short(outcome: Outcome) -> str:
    """What was expected and found; where and what to do stand in the text."""
    whose = f"{outcome.subject}: " if outcome.subject else ""
    return printable(whose + outcome.message.partition(" Where: ")[0])


def _lines(outcome: Outcome, report: Report) -> Iterator[str]:
    """A finding, its evidence, its signs, and where to read on."""
    if outcome.subject:
        yield printable(f"in {outcome.subject}")
    yield from _sentences(outcome.message)
    evidence = json.dumps(outcome.as_json()["evidence"], default=str, ensure_ascii=False)
    yield from _wrapped("Evidence: ", textwrap.shorten(evidence, LONGEST_EVIDENCE, placeholder=" ..."))
    for sign in report.outcomes:
        if sign.status == "failed" and sign.slug in outcome.symptoms and sign.subject == outcome.subject:
            yield from _wrapped(f"Its sign {sign.slug}: ", sign.message.partition(" Where: ")[0])
    yield f"See: unsilent explain {outcome.slug}"


def _sentences(message: str) -> list[str]:
    expected, _, rest = message.partition(" Where: ")
    where, _, cure = rest.partition(" What to do: ")
    return [*_wrapped("", expected), *_wrapped("Where: ", where), *_wrapped("What to do: ", cure)]


def unjudged(why: str) -> Told:
    """Fail, because nothing could be judged: a report in which nothing ran is not green."""
    return Told("failed", printable(why.partition(" Where: ")[0]), "\n".join(_sentences(why)))


def summarise(contents: Sequence[Mapping[str, Any]], *, brief: bool = False) -> tuple[Verdict, list[str]]:
    """Sum up what was told of one thing, as the program does for a report; ``brief`` leaves out what was fine."""
    told = {status: [one for one in contents if one["status"] == status] for status in get_args(Status)}
    verdict: Verdict = "failed" if told["failed"] else "passed" if told["passed"] or told["risk"] else "undecided"
    lines = (
        []
        if brief
        else [part for one in contents for line in one["card"] for part in wrap(printable(line), "   ", CARD)]
    )
    for one in (*told["failed"], *told["risk"]):
        lines += wrap(f"[{one['severity']}] {one['slug']}: {one['line']}", "   ")
    if brief:
        return verdict, lines
    lines += tell_rest(
        passed=[one["slug"] for one in told["passed"]],
        noticed=[one["line"] for one in told["passed"] if one["line"]],
        skipped=[(one["slug"], one["line"]) for one in told["skipped"]],
    )
    return verdict, lines


def tell_rest(
    passed: Sequence[str], noticed: Sequence[str], skipped: Sequence[tuple[str, str]], where: str = ""
) -> list[str]:
    """Say what was fine, what was noticed all the same, and what could not be looked at: once for each reason."""
    lines = _told(f"passed{where}: ", ", ".join(dict.fromkeys(passed)))
    for line in noticed:
        lines += _told(f"noticed{where}: ", line)
    for reason in dict.fromkeys(reason for _, reason in skipped):
        slugs = ", ".join(dict.fromkeys(slug for slug, why in skipped if why == reason))
        lines += _told(f"skipped{where}: ", f"{slugs} ({reason})")
    return lines


def _told(name: str, text: str) -> list[str]:
    return wrap(name + one_line(text), "   ") if text else []


def one_line(text: str) -> str:
    """Nothing in a text that breaks the line, or steers the terminal."""
    return printable(" ".join(text.split()))


def _wrapped(name: str, text: str) -> list[str]:
    return wrap(f"{name}{one_line(text)}", subsequent="   ") if text else []


def wrap(text: str, initial: str = "", subsequent: str = "      ") -> list[str]:
    """Break a text into lines; names, paths and commands stay whole."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=initial,
        subsequent_indent=subsequent,
        break_long_words=False,
        break_on_hyphens=False,
    )
