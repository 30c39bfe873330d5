"""What a check says: passed, failed with evidence, or skipped with a reason; and the report of many of them.

There is no fourth answer. A check that could not run says why; a report in which nothing ran is not green.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from .failures import FAILURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .failures import Failure, Stage

Status = Literal["passed", "failed", "skipped"]
Verdict = Literal["passed", "failed", "undecided"]

SCHEMA_VERSION = 1
EXIT_STATUS: Mapping[Verdict, int] = {"passed": 0, "failed": 1, "undecided": 2}


@dataclass(frozen=True)
class Outcome:
    """The answer of one check about one failure.

    Attributes:
        slug: The failure that was looked for.
        stage: Where it was looked for.
        status: ``passed``, ``failed`` or ``skipped``.
        message: For a failed one, what was expected, what was found, where, what to do; for a passed one, what was
            noticed all the same.
        reason: For a skipped one, why.
        evidence: For a failed one, the numbers and names behind it; plain JSON values.
        step: Optimizer step at which it was found, counted from 1, where there is one.
        symptoms: Slugs of findings that are only signs of this one.
        subject: Which of several things that were looked at together; empty where there is one.
    """

    slug: str
    stage: Stage
    status: Status
    message: str = ""
    reason: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
    step: int | None = None
    symptoms: tuple[str, ...] = ()
    subject: str = ""

    def __post_init__(self) -> None:
        """Refuse an answer that says too little."""
        if self.stage not in self.failure.stages:
            self._refuse(f"a stage among {', '.join(self.failure.stages)}", self.stage)
        if self.status == "failed" and not (self.message and self.evidence):
            self._refuse("a message and evidence with a failed outcome", "none")
        if self.status == "skipped" and not self.reason:
            self._refuse("a reason with a skipped outcome", "none")

    def _refuse(self, expected: str, got: str) -> None:
        message = f"Outcome for {self.slug}: expected {expected}, but got {got}"
        raise ValueError(message)

    @property
    def failure(self) -> Failure:
        """The catalogue's row."""
        return FAILURES[self.slug]

    def as_json(self) -> dict[str, object]:
        """The outcome as ``--json`` prints it."""
        return {
            "failure": self.slug,
            "stage": self.stage,
            "severity": self.failure.severity,
            "status": self.status,
            "step": self.step,
            "evidence": plain(self.evidence),
            "message": self.message,
            "reason": self.reason,
            "symptoms": list(self.symptoms),
        } | ({"subject": self.subject} if self.subject else {})


def plain(value: object) -> object:
    """Make a value fit for JSON, which knows neither NaN nor inf: they become the words ``nan``, ``inf``, ``-inf``."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def passed(slug: str, stage: Stage, message: str = "") -> Outcome:
    """The check ran and found nothing; ``message`` says what was noticed all the same."""
    return Outcome(slug, stage, "passed", message=message)


def failed(
    slug: str, stage: Stage, message: str, evidence: Mapping[str, object], *, step: int | None = None
) -> Outcome:
    """The check found the failure: a finding."""
    return Outcome(slug, stage, "failed", message=message, evidence=evidence, step=step)


def skipped(slug: str, stage: Stage, reason: str) -> Outcome:
    """The check could not run."""
    return Outcome(slug, stage, "skipped", reason=reason)


class FailureFound(Exception):
    """A check that stops a run: raised before the harm is done, with all that is known.

    Attributes:
        outcome: The finding.
        failure: The catalogue's row.
        step: Optimizer step that was about to be taken, counted from 1; 0 before training began.
        micro_batch: Counted from 1 within the step; None where the failure is not one micro-batch's.
        evidence: The numbers and names behind it.
    """

    def __init__(self, outcome: Outcome) -> None:
        symptoms = f" Seen with it: {', '.join(outcome.symptoms)}." if outcome.symptoms else ""
        super().__init__(f"[{outcome.slug}] {outcome.message}{symptoms} See: unsilent explain {outcome.slug}")
        self.outcome = outcome
        self.failure = outcome.failure
        self.step = outcome.step or 0
        self.evidence = outcome.evidence
        micro_batch = outcome.evidence.get("micro_batch")
        self.micro_batch = micro_batch if isinstance(micro_batch, int) else None

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip from a worker process."""
        return FailureFound, (self.outcome,)


class FailureWarning(UserWarning):
    """What is said where a finding does not stop the run."""


def fold_symptoms(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Put findings that are only signs of another finding under it, so that one fault is one finding.

    A finding that may be a symptom of several found roots goes under the first of them in the catalogue's order of its
    ``symptom_of``. Order is otherwise kept, and what concerns another subject is another finding.
    """
    subjects = dict.fromkeys(outcome.subject for outcome in outcomes)
    if len(subjects) > 1:
        return [
            outcome
            for subject in subjects
            for outcome in fold_symptoms([one for one in outcomes if one.subject == subject])
        ]
    found = {outcome.slug for outcome in outcomes if outcome.status == "failed"}
    under: dict[str, list[str]] = {}
    for slug in FAILURES:
        roots = (root for root in _roots(slug, found) if _may_hide(root, slug))
        root = next(roots, None)
        if slug in found and root is not None:
            under.setdefault(root, []).append(slug)
    folded = {slug for slugs in under.values() for slug in slugs}
    return [
        dataclasses.replace(outcome, symptoms=tuple(under.get(outcome.slug, ())))
        if outcome.status == "failed"
        else outcome
        for outcome in outcomes
        if outcome.status != "failed" or outcome.slug not in folded
    ]


def _may_hide(root: str, slug: str) -> bool:
    """An error never stands under a mere risk: the report would fail without showing why."""
    return FAILURES[root].severity == "error" or FAILURES[slug].severity == "risk"


def _roots(slug: str, found: set[str]) -> list[str]:
    """List the failures ``slug`` may be a symptom of, deepest first, seen through found ones only."""
    deepest_first: list[str] = []
    for parent in FAILURES[slug].symptom_of:
        if parent in found:
            deepest_first += [*_roots(parent, found), parent]
    return deepest_first


@dataclass(frozen=True)
class Card:
    """What a subject is, beside what is wrong with it: in plain JSON values, and in lines for people."""

    content: Mapping[str, object]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """Every outcome about one subject, and the verdict they add up to.

    Attributes:
        subject: What was judged.
        outcomes: Of every check.
        cards: What the subject is.
        needed: Slugs of checks without which nothing else makes it green: asked for, or what the subject claims.
    """

    subject: str
    outcomes: tuple[Outcome, ...]
    cards: tuple[Card, ...] = ()
    needed: frozenset[str] = frozenset()

    @property
    def findings(self) -> list[Outcome]:
        """The failed outcomes, roots only, symptoms under them."""
        return [outcome for outcome in fold_symptoms(self.outcomes) if outcome.status == "failed"]

    def verdict(self, *, strict: bool = False) -> Verdict:
        """``failed`` with a finding of severity error (``strict``: of any), ``undecided`` when too little ran."""
        severities = {outcome.failure.severity for outcome in self.outcomes if outcome.status == "failed"}
        if "error" in severities or (strict and severities):
            return "failed"
        ran = {outcome.slug for outcome in self.outcomes if outcome.status != "skipped"}
        return "passed" if ran and self.needed <= ran else "undecided"

    def exit_status(self, *, strict: bool = False) -> int:
        """0 passed, 1 failed, 2 undecided."""
        return EXIT_STATUS[self.verdict(strict=strict)]

    def as_json(self, *, strict: bool = False) -> str:
        """The report as one JSON object."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "subject": self.subject,
            "verdict": self.verdict(strict=strict),
            "outcomes": [outcome.as_json() for outcome in fold_symptoms(self.outcomes)],
            "versions": versions(),
        } | ({"cards": [plain(card.content) for card in self.cards]} if self.cards else {})
        return json.dumps(content, indent=2, default=str, allow_nan=False)


def versions() -> dict[str, str]:
    """Versions of this package and of those it judges, as far as they are installed."""
    from . import __version__  # noqa: PLC0415 - the package's own file

    found = {"unsilent": __version__}
    for name in ("torch", "transformers", "peft", "safetensors"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def printable(text: str) -> str:
    """Write what would steer a terminal, or hide from the eye, as an escape."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
