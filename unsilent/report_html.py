"""A dossier as one HTML page that needs nothing else: no script, no request, no font, whatever the width or scheme.

What it shows was partly read from somebody's files. All of it is escaped, characters that hide or turn text are shown
as such, and the page forbids itself to run or to load anything.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

from .answers import as_number
from .outcome import printable, versions
from .pictures import gauge, heat_map, plot
from .report import count_checks, evidence_of, figure, measure, name_of, signs_of
from .told import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .dossier import Dossier, Section
    from .outcome import Outcome

NAMED = re.compile(r"(\S.*?) {2,}(\S.*)")
TEMPLATE = "report.html.j2"
LONGEST_EVIDENCE = 600  # characters of one fact
OPEN = 3  # stages up to which each is shown unfolded


def as_html(dossier: Dossier, *, strict: bool = False) -> str:
    """Write a dossier as a page."""
    import jinja2  # noqa: PLC0415 - nothing else needs it

    source = resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    page = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    page.filters |= {"figure": figure, "measure": measure}
    return page.from_string(source).render(_content(dossier, strict=strict)) + "\n"


def _shown(value: object) -> object:
    """Text without what would turn or hide it; markup, which the template's own macros return, as it is."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _content(dossier: Dossier, *, strict: bool) -> dict[str, Any]:
    return {
        "subject": dossier.subject,
        "verdict": dossier.verdict(strict=strict),
        "summary": _summary(dossier, strict=strict),
        "created": _moment(dossier.created),
        "notes": [one_line(note) for note in dossier.notes],
        "bounds": [(one, gauge(one)) for one in dossier.measured],
        "stages": [_stage(section, few=len(dossier.sections) <= OPEN, strict=strict) for section in dossier.sections],
        "findings": [_finding(outcome, dossier) for outcome in dossier.findings],
        "plots": [plot(curve) for curve in dossier.curves if curve.steps],
        "heat_maps": [heat_map(norms) for norms in dossier.norms if norms.layers],
        "scores": [_score(part, content) for part, content in dossier.scores.items()],
        "versions": versions(),
    }


def _summary(dossier: Dossier, *, strict: bool) -> str:
    """What the verdict is made of, in one sentence."""
    verdicts = Counter(section.verdict(strict=strict) for section in dossier.sections)
    parts = [_counted(len(dossier.findings), "finding")]
    if missed := sum(not one.is_met for one in dossier.measured):
        parts.append(f"{missed} of {_counted(len(dossier.measured), 'bound')} missed")
    parts.append(f"{verdicts['passed']} of {_counted(len(dossier.sections), 'stage')} passed")
    if verdicts["undecided"]:
        parts.append(f"{verdicts['undecided']} could not be judged")
    return ", ".join(parts)


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _moment(created: str) -> str:
    try:
        return f"{datetime.fromisoformat(created):%Y-%m-%d %H:%M %Z}".strip()
    except ValueError:
        return created


def _stage(section: Section, *, few: bool, strict: bool) -> dict[str, Any]:
    outcomes = section.report.outcomes
    verdict = section.verdict(strict=strict)
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.status == "skipped":
            reasons.setdefault(one_line(outcome.reason), []).append(outcome.slug)
    return {
        "name": name_of(section),
        "verdict": verdict,
        "required": section.required,
        "counted": count_checks(section, strict=strict),
        "seconds": section.seconds,
        "reason": one_line(section.reason),
        "is_open": few or verdict == "failed",
        "cards": [_card(card.lines) for card in section.report.cards],
        "passed": [outcome.slug for outcome in outcomes if outcome.status == "passed"],
        "noticed": [one_line(one.message) for one in outcomes if one.status == "passed" and one.message],
        "skipped": list(reasons.items()),
    }


def _card(lines: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Its lines with a name before a column of blanks, which may be broken anywhere; and the others, which may not."""
    named = {line: match for line in lines if (match := NAMED.fullmatch(line))}
    return [(match[1], match[2]) for match in named.values()], [line for line in lines if line not in named]


def _finding(outcome: Outcome, dossier: Dossier) -> dict[str, Any]:
    expected, _, rest = one_line(outcome.message).partition(" Where: ")
    where, _, cure = rest.partition(" What to do: ")
    return {
        "slug": outcome.slug,
        "severity": outcome.failure.severity,
        "subject": outcome.subject,
        "stage": outcome.stage,
        "step": outcome.step,
        "expected": expected,
        "where": where,
        "cure": cure,
        "evidence": evidence_of(outcome, LONGEST_EVIDENCE),
        "signs": [
            (sign.slug, one_line(sign.message).partition(" Where: ")[0]) for sign in signs_of(outcome, dossier.outcomes)
        ],
        "failure": outcome.failure,
    }


@dataclass(frozen=True)
class Bar:
    """A share with its interval, in percent of the whole line."""

    name: str
    value: float
    low: float
    high: float
    words: str

    @classmethod
    def of(cls, name: str, share: object) -> Bar | None:
        """Take it from a share's JSON, which a process of the subject's may have had its hands on; None if unusable."""
        match share:
            case {"share": int() | float() as value, "interval": [int() | float() as low, int() | float() as high],
                  "hits": int(hits), "count": int(count)} if 0 <= low <= value <= high <= 1:  # fmt: skip
                words = f"{value:.3f} ({low:.3f}-{high:.3f}, {hits} of {count})"
                return cls(name, 100 * value, 100 * low, 100 * high, words)
        return None


def _score(part: str, content: Mapping[str, object]) -> dict[str, Any]:
    shares = [Bar.of(name, content.get(name.replace(" ", "_"))) for name in ("accuracy", "answer rate")]
    groups = content.get("groups")
    groupings = groups.items() if isinstance(groups, dict) else ()
    return {
        "part": part,
        "shares": [bar for bar in shares if bar],
        "groups": [
            (str(grouping), [bar for name, one in members.items() if (bar := _group(str(name), one))])
            for grouping, members in groupings
            if isinstance(members, dict)
        ],
        "worst": _worst(content.get("worst")),
    }


def _group(name: str, shares: object) -> Bar | None:
    return Bar.of(one_line(name), shares.get("accuracy")) if isinstance(shares, dict) else None


def _worst(rows: object) -> list[tuple[str, str, str, str]]:
    """Number, question, answer and correct answer of each row."""
    found = []
    for row in rows if isinstance(rows, list | tuple) else ():
        match row:
            case {"index": index, "question": str(question), "answer": answer, "correct": correct}:
                found.append((str(index), one_line(question), _number(answer), _number(correct)))
    return found


def _number(value: object) -> str:
    number = as_number(value)
    return f"{number:g}" if math.isfinite(number) else "no number"
