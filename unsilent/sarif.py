"""Findings in somebody's code as SARIF 2.1.0, which code hosts and editors show beside the line.

    unsilent.sarif.as_sarif(outcomes) -> one object, ready for json.dumps

A rule is a row of the catalogue; a result is a failed outcome, at its file and line where it has one: what weights or
a run show has none. What could not be judged is told as a notification of the run, so that an empty list of results is
never all there is to see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .failures import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .outcome import Outcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"
LEVELS: Mapping[str, str] = {"error": "error", "risk": "warning"}


def as_sarif(outcomes: Iterable[Outcome], *, unjudged: Sequence[str] = ()) -> dict[str, Any]:
    """Write outcomes as one SARIF log with one run.

    Args:
        outcomes: Of any checks; failed ones become results, skipped ones notifications, passed ones nothing.
        unjudged: What could not be judged and had to be, in sentences; with any, the run was no success.

    Returns:
        Plain JSON values.
    """
    from . import __version__  # noqa: PLC0415 - the package's own file

    told = list(outcomes)
    slugs = list(dict.fromkeys(outcome.slug for outcome in told))
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {"name": "unsilent", "version": __version__, "rules": [_rule(slug) for slug in slugs]}
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not unjudged,
                        "toolExecutionNotifications": [
                            *({"level": "error", "message": {"text": _escaped(one)}} for one in unjudged),
                            *(_notification(one) for one in told if one.status == "skipped"),
                        ],
                    }
                ],
                "results": [_result(one, slugs.index(one.slug)) for one in told if one.status == "failed"],
            }
        ],
    }


def _rule(slug: str) -> dict[str, Any]:
    failure = FAILURES[slug]
    return {
        "id": slug,
        "shortDescription": {"text": failure.symptom},
        "fullDescription": {"text": failure.cause},
        "help": {"text": failure.cure},
        "defaultConfiguration": {"level": LEVELS[failure.severity]},
    }


def _result(outcome: Outcome, index: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ruleId": outcome.slug,
        "ruleIndex": index,
        "level": LEVELS[outcome.failure.severity],
        "message": {"text": _escaped(outcome.message)},
        "properties": {"sure": outcome.evidence.get("sure", "certain")},
    }
    file, line = outcome.evidence.get("file"), outcome.evidence.get("line")
    if isinstance(file, str) and outcome.stage == "submission":
        place: dict[str, Any] = {"artifactLocation": {"uri": quote(file, errors="surrogateescape")}}
        if isinstance(line, int) and line > 0:
            place["region"] = {"startLine": line, "snippet": {"text": _escaped(str(outcome.evidence.get("code", "")))}}
        made["locations"] = [{"physicalLocation": place}]
    return made


def _notification(outcome: Outcome) -> dict[str, Any]:
    return {
        "level": "note",
        "message": {"text": _escaped(f"{outcome.slug} was not judged: {outcome.reason}")},
        "associatedRule": {"id": outcome.slug},
    }


def _escaped(text: str) -> str:
    """A text that can be written: a file's name may hold bytes that are no UTF-8."""
    return text.encode(errors="backslashreplace").decode()
