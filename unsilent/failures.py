"""The catalogue: one frozen row for each way in which fine-tuning fails without raising.

The rows themselves are prose and stand in ``failures.toml``; this file gives them a type and holds them to it.
Checks, faults, regression files and ``unsilent explain`` all refer to a failure by its slug, and a test holds the
four together.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Stage = Literal["wiring", "guard", "runs", "adapter", "evaluation", "honesty", "submission", "bundle"]
Severity = Literal["error", "risk"]
Origin = Literal["documented", "history", "field"]

STAGES: tuple[Stage, ...] = ("wiring", "guard", "runs", "adapter", "evaluation", "honesty", "submission", "bundle")
SEVERITIES: tuple[Severity, ...] = ("error", "risk")
ORIGINS: tuple[Origin, ...] = ("documented", "history", "field")

# What to run next, by the stage in which a failure is found first.
NEXT_COMMAND: Mapping[Stage, str] = MappingProxyType(
    {
        "wiring": "TrainingGuard().attach(trainer), before trainer.train()",
        "guard": "TrainingGuard().attach(trainer), before trainer.train()",
        "runs": "unsilent check run PATH",
        "adapter": "unsilent check adapter DIR",
        "evaluation": "unsilent gate",
        "honesty": "unsilent check honesty MODULE:FUNCTION",
        "submission": "unsilent check submission PATH",
        "bundle": "unsilent gate",
    }
)


@dataclass(frozen=True)
class Failure:
    """One known failure.

    Attributes:
        slug: Its name, as a person would type it.
        stages: Where a check for it stands, in the order in which they would find it.
        origin: ``documented`` in the project's reports, ``history`` of the same code, ``field``: seen elsewhere.
        severity: ``error``, or ``risk`` for a policy that will hurt later.
        symptom: What a user sees.
        cause: What brings it about.
        cure: What to do.
        source: Run, report or issue behind the claims.
        symptom_of: Failures of which this one may be the visible sign only.
        signs: What can be recognised in pasted text, see ``symptoms.py``.
        planned: No check is built yet.
        check: What to call or run to look for it, where the stage has no command of its own yet.
    """

    slug: str
    stages: tuple[Stage, ...]
    origin: Origin
    severity: Severity
    symptom: str
    cause: str
    cure: str
    source: str
    symptom_of: tuple[str, ...]
    signs: tuple[str, ...]
    planned: bool
    check: str

    @property
    def next_command(self) -> str:
        """What to run, or write, to find out whether it is this one."""
        return self.check or NEXT_COMMAND[self.stages[0]]


def read_catalogue(text: str) -> Mapping[str, Failure]:
    """Turn the catalogue's TOML into rows.

    Raises:
        ValueError: A row with an unknown stage, severity, origin or relation, or without one of its fields.
    """
    tables = tomllib.loads(text)
    rows = {slug: _row(slug, table) for slug, table in tables.items()}
    for row in rows.values():
        _must_be_among(row.slug, "symptom_of", row.symptom_of, tuple(rows))
    return MappingProxyType(rows)


def _row(slug: str, table: dict[str, Any]) -> Failure:
    defaults: dict[str, Any] = {"severity": "error", "symptom_of": [], "planned": True, "check": ""}
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in (defaults | table).items()
    }
    try:
        row = Failure(slug=slug, **fields)
    except TypeError as error:
        message = f"failures.toml, [{slug}]: {error}"
        raise ValueError(message) from error
    _must_be_among(slug, "stages", row.stages, STAGES)
    _must_be_among(slug, "severity", (row.severity,), SEVERITIES)
    _must_be_among(slug, "origin", (row.origin,), ORIGINS)
    return row


def _must_be_among(slug: str, field: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in values:
        if value not in known:
            message = f"failures.toml, [{slug}]: expected {field} among {', '.join(known)}, but got {value!r}"
            raise ValueError(message)


FAILURES: Mapping[str, Failure] = read_catalogue(
    resources.files(__package__).joinpath("failures.toml").read_text(encoding="utf-8")
)
