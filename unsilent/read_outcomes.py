"""Outcomes read back from JSON: those that a manifest keeps, and those that a child process tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from .outcome import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_outcomes(contents: Iterable[Any]) -> list[Outcome]:
    """Turn plain JSON, as ``Outcome.as_json`` makes it, back into outcomes.

    Whoever wrote it may have had another catalogue: what is no outcome of this one is left out.
    """
    found = []
    for one in contents:
        match one:
            case {
                "failure": str(slug),
                "stage": str(stage),
                "status": str(status),
                "step": int() | None as step,
                "evidence": dict(evidence),
                "message": str(message),
                "reason": str(reason),
            } if status in get_args(Status):
                said: dict[str, Any] = {"stage": stage, "status": status, "message": message, "reason": reason}
                subject = str(one.get("subject", ""))
                try:
                    found.append(Outcome(slug, **said, evidence=evidence, step=step, subject=subject))
                except (KeyError, ValueError):  # no such row, or no such stage of it, or too little said
                    continue
    return found
