"""All stages over one subject, one verdict, before anything is bundled.

    unsilent gate                         # ./homework, or what [tool.unsilent] of pyproject.toml names

The subject is run twice, both times as a copy, in a child process, behind the sandbox's walls: once as the course's
grader runs it, to score what that scores, and once with the checks that need the live model and the probes of honesty.
This process reads files only. What cannot be judged is skipped with its reason, and counts against green where it is
required: adapter, evaluation and honesty of every part that is there.
"""

from __future__ import annotations

import dataclasses
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .adapters import inspect_adapter
from .attestation import AttestationUnusable, take_fingerprints
from .bounds import ROWS
from .bundled import choose_files
from .dossier import Dossier, Section, UpdateNorms
from .gate_answers import judge_answers, judge_batch, judge_honesty, measure, measure_answers
from .gate_attest import attest
from .gate_files import files_of_bases, judge_runs, weigh
from .gate_progress import Silent
from .gate_subject import (
    GateUnusable,
    check_folder,
    choose_parts,
    describe_absence,
    describe_part,
    lay_beside,
    read_rows,
    read_training,
    report_absence,
)
from .grading import Grade, Part, PartGrade, check_needs, grade
from .judging import Judged, judge_parts
from .outcome import Report, skipped
from .overlap import check_overlap
from .parameters import check_parameters
from .subjects import PARTIAL
from .submission_stages import judge_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .dossier import Curve, Measured
    from .gate_config import GateConfig, GatePart
    from .gate_progress import Progress
    from .outcome import Outcome

BUSY = 0.5  # of the cores; two torch processes that share cores slow each other down five to ten times
NO_QUESTIONS = (
    "honesty: no source of new questions is named ([tool.unsilent] questions), so none are asked but those that can be "
    "made from the data"
)


def run_gate(
    config: GateConfig,
    *,
    count: int | None = ROWS,
    quick: bool = True,
    strict: bool = False,
    progress: Progress | None = None,
) -> Dossier:
    """Judge a subject, stage by stage, and write the attestation beside its files, whatever the verdict is.

    Args:
        config: What, and by which bounds.
        count: How many rows are answered, where that is more than the grader scores; None for all of them.
        quick: Of the probes of honesty only those that cost no more than answering once more.
        strict: Risks count as errors.
        progress: Is told what begins and what has ended.

    Returns:
        Every outcome, and the figures beside their bounds.

    Raises:
        GateUnusable: There is no such subject, or nothing to ask it.
    """
    check_folder(config.subject)
    gate = _Gate(config, count, quick=quick, progress=progress or Silent())
    return gate.attest(gate.run(), strict=strict)


class _Gate:
    """One passage through the gate: what was found so far."""

    def __init__(self, config: GateConfig, count: int | None, *, quick: bool, progress: Progress) -> None:
        """Read what will be asked, and hash what will be judged, before anything is run."""
        self.config, self.bounds, self.quick, self.progress = config, config.bounds, quick, progress
        self.subject = config.subject
        self.rows = read_rows(config.data)
        self.first = self.rows[:ROWS]
        self.count = len(self.rows) if count is None else min(max(count, len(self.first)), len(self.rows))
        self.parts, self.notes = choose_parts(config)
        if len(self.rows) < ROWS:
            self.notes.append(f"only {len(self.rows)} rows are scored, where the grader scores {ROWS}")
        self.trained_on = {part.name: read_training(part) for part in self.parts}
        self.files = choose_files(self.subject).included
        self.data = {Path(os.path.relpath(path, self.subject.parent)).as_posix(): path for path in self._data()}
        # Where the grader has the data sets: a program that looks up its answers finds them there, and is found.
        self.beside = lay_beside(self.data)
        try:
            self.fingerprints = take_fingerprints(self.subject, self.data)
        except AttestationUnusable as error:
            raise GateUnusable(error.expected, error.got, Path(error.where), error.action) from error
        self.graded = Grade()
        self.judged: dict[str, Judged] = {}
        self.sections: list[Section] = []
        self.measured: list[Measured] = []
        self.curves: list[Curve] = []
        self.norms: list[UpdateNorms] = []
        self.scores: dict[str, dict[str, object]] = {}

    def _data(self) -> Iterator[Path]:
        yield self.config.data
        yield from (part.train_data for part in self.parts if part.train_data and self.trained_on[part.name])

    def run(self) -> Dossier:
        """Every stage, in the order in which a fault shows first."""
        self._submission()
        for part in self.parts:
            if part.adapter:
                self._adapter(part, part.adapter)
        self._runs()
        self._judge()
        for part in self.parts:
            self._evaluation(part)
        self._batch()
        for part in self.parts:
            self._honesty(part)
        self._bundle()
        if not self.config.questions:
            self.notes.append(NO_QUESTIONS)
        return Dossier(
            os.path.relpath(self.subject),
            tuple(self.sections),
            measured=tuple(self.measured),
            curves=tuple(self.curves),
            norms=tuple(self.norms),
            scores=self.scores,
            notes=tuple(self.notes),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def attest(self, dossier: Dossier, *, strict: bool) -> Dossier:
        """Write down what was found, and for which files."""
        return attest(
            dossier,
            self.subject,
            before=self.fingerprints,
            data=self.data,
            bases=files_of_bases(one.base for one in self.judged.values()),
            bounds=self.bounds,
            strict=strict,
        )

    def _add(self, stage: str, part: str, outcomes: Iterable[Outcome], started: float, **more: Any) -> None:  # noqa: ANN401
        """Keep a section, and say that it has ended."""
        report = Report(
            str(self.subject), tuple(outcomes), tuple(more.pop("cards", ())), frozenset(more.pop("needed", ()))
        )
        section = Section(stage, part, report, more.pop("seconds", time.monotonic() - started), **more)
        self.sections.append(section)
        self.progress.end(section)

    def _submission(self) -> None:
        """What the grader would find; its answers are what is scored."""
        if busy := describe_load():
            self.notes.append(busy)
        self.progress.begin("submission: loaded and asked as the grader does")
        started = time.monotonic()
        parts = [Part(part.name, part.loader) for part in self.parts]
        questions = [str(row[0]) for row in self.first]
        self.graded = grade(self.subject, parts, questions, bounds=self.bounds, files=self.files, beside=self.beside)
        self._leave_out_absent()
        outcomes = [check_needs(self.graded)]
        for part in self.parts:
            one = self._grade_of(part)
            counted = check_parameters(one.parameters, self.bounds.parameters, reason=one.error)
            outcomes.append(dataclasses.replace(counted, subject=part.name))
            if one.parameters is not None:
                self.measured.append(measure(self.bounds, "parameters", part.name, one.parameters, "parameters", "<="))
        if self.graded.protections:
            self.notes.append(f"graded behind {', '.join(self.graded.protections)}")
        self._add("submission", "", outcomes, started, needed={"base-too-large"}, required=True)

    def _leave_out_absent(self) -> None:
        """Parts that only asking could show: the package has no such loader."""
        for part in [part for part in self.parts if not part.is_certain]:
            if self._grade_of(part).is_absent:
                self.parts.remove(part)
                self.notes.append(describe_absence(part))
                left = {name: one for name, one in self.graded.parts.items() if name != part.name}
                self.graded = dataclasses.replace(self.graded, parts=left)

    def _grade_of(self, part: GatePart) -> PartGrade:
        reason = self.graded.error or "it was not asked"
        return self.graded.parts.get(part.name, PartGrade(part.name, error=reason))

    def _adapter(self, part: GatePart, folder: Path) -> None:
        """What lies on disk."""
        self.progress.begin(f"adapter of {part.name}")
        started = time.monotonic()
        report = inspect_adapter(folder) if os.path.lexists(folder) else report_absence(folder)
        self.norms += UpdateNorms.of(part.name, report.cards)
        needed = {"adapter-untrained", "adapter-nonfinite"}
        self._add("adapter", part.name, report.outcomes, started, cards=report.cards, needed=needed, required=True)

    def _runs(self) -> None:
        """What training wrote down: logs in the folder, and what a manifest keeps of log and guard."""
        self.progress.begin("runs")
        started = time.monotonic()
        outcomes, self.curves = judge_runs(self.subject, self.parts)
        reason = "" if outcomes else "no log of a training run in it, and none in a manifest beside an adapter"
        self._add("runs", "", outcomes, started, reason=reason)

    def _judge(self) -> None:
        """Let the child process look at every part that has answered the grader."""
        parts = [part for part in self.parts if self._grade_of(part).answers]
        self.judged = {part.name: Judged(error=f"not asked: {self._grade_of(part).error}") for part in self.parts}
        if not parts:
            return
        names = ", ".join(part.name for part in parts)
        self.progress.begin(f"evaluation and honesty of {names}")
        self.judged |= judge_parts(
            self.subject,
            [describe_part(part, self.trained_on[part.name]) for part in parts],
            self.rows,
            first=len(self.first),
            count=self.count,
            questions=self.config.questions,
            quick=self.quick,
            files=self.files,
            beside=self.beside,
        )

    def _evaluation(self, part: GatePart) -> None:
        """Whether the answers that the grader got are good enough, and mean what they say."""
        started = time.monotonic()
        one, judged, trained_on = self._grade_of(part), self.judged[part.name], self.trained_on[part.name]
        outcomes, found = judge_answers(one, self.first, self.bounds)
        self.measured += measure_answers(one, found, judged, self.rows, self.bounds)
        if found:
            self.scores[part.name] = found.as_json()
        outcomes += judged.evaluation
        if trained_on:
            outcomes.append(check_overlap(trained_on, self.rows[: self.count]))
        elif part.train_data:
            reason = f"no {part.train_data.name} to compare with"
            outcomes.append(skipped("train-valid-overlap", "evaluation", reason))
        self._add("evaluation", part.name, outcomes, started, needed={"score-below-bound"}, required=True)

    def _batch(self) -> None:
        """The plain base, as the grader asks it: a batch within its time."""
        started = time.monotonic()
        outcome, figures = judge_batch(self.graded, self.bounds)
        self.measured += figures
        self._add("evaluation", "", [outcome], started, needed={"answers-too-slow"}, required=True)

    def _honesty(self, part: GatePart) -> None:
        """Whether the answers come from the weights; of a part that was not trained as far as it can be said."""
        judged = self.judged[part.name]
        outcomes = judge_honesty(self._grade_of(part), judged, self.first, part.loader)
        more = {"reason": judged.error, "required": bool(part.adapter or judged.error), "cards": judged.cards}
        self._add("honesty", part.name, outcomes, 0.0, seconds=judged.seconds, needed={"answer-lookup"}, **more)

    def _bundle(self) -> None:
        """Whether the zip will be small enough, and whole."""
        self.progress.begin("bundle")
        started = time.monotonic()
        outcome, figures = weigh(self.subject, self.files, self.parts, self.bounds)
        self.measured += figures
        self._add("bundle", "", [outcome], started, required=True)


def describe_load() -> str:
    """Say that others are using this machine, which makes every time longer than it is; empty where nobody is."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= BUSY * cores:
        return ""
    return f"this machine was busy before anything was timed: load {load:.1f} on {cores} cores; times are too long"


def judge_elsewhere(path: Path) -> Dossier:
    """Judge what can be read of somebody's folder or zip: nothing in it is imported."""
    dossier, _ = judge_path(path)
    return dataclasses.replace(dossier, notes=(*dossier.notes, PARTIAL))
