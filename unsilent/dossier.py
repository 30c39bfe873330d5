"""Everything that was found out about one subject: what a report is made of, whoever prints it.

A ``Report`` is one check's; a dossier holds those of several stages, with the figures that were held against a bound
and what can be drawn: curves, update norms, worst rows. Plain data, so that terminal, JSON, JUnit, GitHub and HTML all
say the same.

    dossier = Dossier.of([inspect_adapter("sft_model")])
    print(dossier.verdict(), dossier.as_json())
"""

from __future__ import annotations

import dataclasses
import json
import operator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from .outcome import EXIT_STATUS, SCHEMA_VERSION, Report, fold_symptoms, plain, versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .outcome import Card, Outcome, Verdict

COMPARE = {">": operator.gt, "<": operator.lt, "<=": operator.le}


@dataclass(frozen=True)
class Section:
    """One stage over one part of the subject.

    Attributes:
        stage: Of the catalogue's stages.
        part: ``sft``, ``rft``, ``cot``; of several subjects this one's name; empty for the whole.
        report: What was found.
        seconds: How long it took.
        required: What is skipped here counts against green.
        reason: Why it could not run at all; empty where it ran.
    """

    stage: str
    part: str
    report: Report
    seconds: float
    required: bool = False
    reason: str = ""

    def verdict(self, *, strict: bool = False) -> Verdict:
        """The report's; undecided where it could not run."""
        return "undecided" if self.reason else self.report.verdict(strict=strict)

    @property
    def outcomes(self) -> list[Outcome]:
        """The report's, each with the part before its own subject."""
        return [
            dataclasses.replace(outcome, subject="/".join(filter(None, (self.part, outcome.subject))))
            for outcome in self.report.outcomes
        ]


@dataclass(frozen=True)
class Measured:
    """A figure beside its bound.

    Attributes:
        name: ``accuracy``, ``parameters``, ``adapter size [MB]``.
        part: As a section's.
        value: What was measured; NaN where there was nothing to measure, which meets no bound.
        bound: What it is held against.
        sign: How the value must stand to the bound.
        source: Where the bound comes from.
        interval: What the value is compatible with.
        note: What stands beside it: ``0.681 (0.651-0.709) on all 1000 rows``.
    """

    name: str
    part: str
    value: float
    bound: float
    sign: Literal[">", "<", "<="]
    source: str
    interval: tuple[float, float] | None = None
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value stands to the bound as it must."""
        return bool(COMPARE[self.sign](self.value, self.bound))


@dataclass(frozen=True)
class Curve:
    """A run's loss and gradient norm, one value a logged step; None where it is not there or not finite."""

    part: str
    steps: tuple[int, ...]
    loss: tuple[float | None, ...]
    grad_norm: tuple[float | None, ...]
    faulty_step: int | None = None


@dataclass(frozen=True)
class UpdateNorms:
    """How much the adapter adds: ``values[row][layer]`` for the module ``names[row]`` in ``layers[layer]``."""

    part: str
    names: tuple[str, ...]
    layers: tuple[int, ...]
    values: tuple[tuple[float | None, ...], ...]

    @classmethod
    def of(cls, part: str, cards: Sequence[Card]) -> tuple[UpdateNorms, ...]:
        """Take them from the cards of adapters; of several adapters each has its folder's name behind the part."""
        found = []
        for card in cards:
            match card.content:
                case {"update_norms": {"names": names, "layers": layers, "values": values}, "folder": folder}:
                    name = PurePath(str(folder)).name if len(cards) > 1 else ""
                    rows = (tuple(None if one is None else float(one) for one in row) for row in values)
                    whole = "/".join(filter(None, (part, name)))
                    found.append(cls(whole, tuple(names), tuple(layers), tuple(rows)))
        return tuple(found)


@dataclass(frozen=True)
class Dossier:
    """All sections over one subject, and the verdict they add up to.

    Attributes:
        subject: What was judged.
        sections: In the order in which they ran.
        measured: Figures beside their bounds.
        curves: Of the runs.
        norms: Of the adapters.
        scores: By part, as ``Scores.as_json`` gives them.
        notes: What is said aloud about the whole: that only adapters and logs were judged, say.
        created: When, in ISO form.
    """

    subject: str
    sections: tuple[Section, ...]
    measured: tuple[Measured, ...] = ()
    curves: tuple[Curve, ...] = ()
    norms: tuple[UpdateNorms, ...] = ()
    scores: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    created: str = ""

    @classmethod
    def of(cls, reports: Sequence[Report], curves: Sequence[Curve] = ()) -> Dossier:
        """Bind plain reports: one as it is; several each under its subject, and each has to be decided.

        Args:
            reports: Of one stage, or of several.
            curves: Of the runs among them.
        """
        sections = tuple(
            Section(
                stage=next((outcome.stage for outcome in report.outcomes), ""),
                part=report.subject if len(reports) > 1 else "",
                report=report,
                seconds=0.0,
                required=True,
            )
            for report in reports
        )
        norms = [one for section in sections for one in UpdateNorms.of(section.part, section.report.cards)]
        subject = ", ".join(report.subject for report in reports)
        return cls(subject, sections, curves=tuple(curves), norms=tuple(norms))

    @property
    def outcomes(self) -> list[Outcome]:
        """Of every section."""
        return [outcome for section in self.sections for outcome in section.outcomes]

    @property
    def cards(self) -> list[Card]:
        """Of every section."""
        return [card for section in self.sections for card in section.report.cards]

    @property
    def findings(self) -> list[Outcome]:
        """The failed outcomes, errors before risks: roots only, symptoms under them, whichever stage found either."""
        found = [outcome for outcome in fold_symptoms(self.outcomes) if outcome.status == "failed"]
        return sorted(found, key=lambda outcome: outcome.failure.severity != "error")

    def verdict(self, *, strict: bool = False) -> Verdict:
        """``failed`` with a failed section; ``undecided`` where a required one is, or none ran; else ``passed``."""
        verdicts = [section.verdict(strict=strict) for section in self.sections]
        if "failed" in verdicts:
            return "failed"
        required = [verdict for section, verdict in zip(self.sections, verdicts, strict=True) if section.required]
        return "passed" if "passed" in verdicts and "undecided" not in required else "undecided"

    def exit_status(self, *, strict: bool = False) -> int:
        """0 passed, 1 failed, 2 undecided."""
        return EXIT_STATUS[self.verdict(strict=strict)]

    def as_json(self, *, strict: bool = False) -> str:
        """The dossier as one JSON object: a report's keys, and what more there is."""
        more = {
            "cards": [card.content for card in self.cards],
            "bounds": [dataclasses.asdict(one) | {"is_met": one.is_met} for one in self.measured],
            "curves": [dataclasses.asdict(one) for one in self.curves],
            "update_norms": [dataclasses.asdict(one) for one in self.norms],
            "scores": self.scores,
            "notes": self.notes,
            "created": self.created,
        }
        content = {
            "schema_version": SCHEMA_VERSION,
            "subject": self.subject,
            "verdict": self.verdict(strict=strict),
            "outcomes": [outcome.as_json() for outcome in fold_symptoms(self.outcomes)],
            "versions": versions(),
            "sections": [
                {
                    "stage": section.stage,
                    "part": section.part,
                    "subject": section.report.subject,
                    "verdict": section.verdict(strict=strict),
                    "seconds": round(section.seconds, 3),
                    "required": section.required,
                    "reason": section.reason,
                }
                for section in self.sections
            ],
        } | {name: plain(value) for name, value in more.items() if value}
        return json.dumps(content, indent=2, default=str, allow_nan=False)
