"""What the course's grader would find: each part of a submission loaded and asked in its conditions, and timed.

A copy of the folder, imported by its name in a fresh process, with torch, transformers and peft alone, without network
and without writing. A part that raises, hangs or ends the process costs that part; the others are graded in the next
process. Base models are found as the environment says, read-only. What is decided here is needs-more-than-grader:
works where everything is installed, fails at the grader. Times and parameters are judged in ``speed`` and
``parameters``, answers in ``scorers``.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .closure import NotInstalled, closure_of
from .grader_phases import BEGIN, END, LOADED, Phases, limits_of, plain_count
from .outcome import failed, passed, printable, skipped
from .sandbox import FolderRefused, copied, run_child
from .sandbox_listening import plain_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .failures import Stage
    from .outcome import Outcome
    from .sandbox import Child

NEEDS = "needs-more-than-grader"
STAGE: Stage = "submission"
SCRIPT = Path(__file__).with_name("grader_script.py")
# What a grader has, by the course's rules, and has imported before it begins to measure.
PACKAGES = PRELOADED = ("torch", "transformers", "peft")
IMPORT, BATCHED, PART = "import", "batched", "part"
BATCH = 32  # texts in the batch; the course's own size of a batch in generation
# Seconds until the package is imported: torch, transformers and peft take 5 s, several times as long from a cold disk.
START_SECONDS = 120.0
PATIENCE = 2.0  # times its limit a part may take before it is ended, so that the report can say how slow it is
SHOWN = 200  # characters of a last line
NOT_TOLD = (
    "Expected {count} answers and a number of parameters at the end of the part, but got others. "
    "Where: the lines that its process wrote to the grader's pipe. What to do: leave that pipe alone."
)
MOST_SHOWN = 3
NEEDED = {"import": "the package", "write": "writing", "network": "the network:"}
CURES = {
    "import": "do without the package, or import it only in training",
    "write": "keep it in memory: a grader lets nothing be written",
    "network": "put into the folder what is fetched, or load the base from a local cache first",
}


class Limits(Protocol):
    """Seconds, load included; the gate's bounds have these two among others."""

    @property
    def seconds(self) -> float:
        """For a part."""

    @property
    def batched_seconds(self) -> float:
        """For the batch that the plain base completes."""


@dataclass(frozen=True)
class GraderLimits:
    """The course's own."""

    seconds: float = 60.0
    batched_seconds: float = 15.0


@dataclass(frozen=True)
class Refusal:
    """Something that a grader does not give: a package (import), a file to write (write), the network (network)."""

    kind: str
    what: str
    where: str
    """``homework/sft.py:12``: the submission's own line; empty where it has none on the way."""
    phase: str
    """``import``, ``batched``, or the name of a part."""
    is_fatal: bool = False
    """Whether the phase failed of it; what was refused and done without is no failure."""


@dataclass(frozen=True)
class Part:
    """A part that is graded: ``Part("sft", "load_sft")``."""

    name: str
    loader: str


@dataclass(frozen=True)
class PartGrade:
    """What came of one part."""

    name: str
    parameters: int | None = None
    load_seconds: float = 0.0
    seconds: float = 0.0
    """Load and answers together; where it was ended, until then."""
    answers: tuple[float | None, ...] = ()
    """One for each question, None for what is no finite number; empty where there is an error."""
    error: str = ""
    is_absent: bool = False
    """Whether the error is that the package has no such loader."""


@dataclass(frozen=True)
class Grade:
    """What came of a submission."""

    parts: Mapping[str, PartGrade] = field(default_factory=dict)
    batched_seconds: float | None = None
    """As a part's; None where nothing could be graded."""
    batched_error: str = ""
    refused: tuple[Refusal, ...] = ()
    protections: tuple[str, ...] = ()
    """What held while it was graded, in words; without ``read-only mounts`` only Python's own calls are refused."""
    error: str = ""
    """Why nothing could be graded: no folder, or one that cannot be imported."""


def grade(  # noqa: PLR0913 - one option for each thing that only the caller knows
    folder: Path,
    parts: Sequence[Part],
    questions: Sequence[str],
    *,
    bounds: Limits | None = None,
    files: Sequence[Path] | None = None,
    beside: Mapping[str, Path] | None = None,
) -> Grade:
    """Load and ask a submission as the grader does.

    Args:
        folder: The one top-level folder of the zip; copied, never changed.
        parts: What is loaded and asked, in this order, after the batch.
        questions: The rows that are scored.
        bounds: How long each may take; None for the course's own.
        files: Relative paths of what the bundle will hold; None for all but caches.
        beside: By its relative path beside the folder, what else the grader has: the data sets.

    Returns:
        What came of it; nothing that the submission does makes it raise.
    """
    name = Path(folder).absolute().name
    try:
        packages = closure_of(*PACKAGES)
        with copied(folder, files, beside) as copy:
            if not (copy / "__init__.py").is_file():
                return _ungraded("a package", "no __init__.py in it", folder, "name the folder that is bundled")
            if "." in copy.name:
                return _ungraded("a name that can be imported", f"{name!r}, with a dot", folder, "rename the folder")
            grading = _Grading(parts, bounds or GraderLimits(), f"{copy.parent}{os.sep}", len(questions))
            question = {"preload": PRELOADED, "package": copy.name, "questions": list(questions), "batch": BATCH}
            while grading.left:
                phases = [dataclasses.asdict(phase) for phase in grading.left]
                child = run_child(
                    SCRIPT,
                    question | {"phases": phases},
                    root=copy.parent,
                    seconds=START_SECONDS,
                    packages=packages,
                    next_limit=grading.limits(),
                )
                grading.take(child)
            return grading.found()
    except FolderRefused as error:
        return _ungraded("the folder of a submission", str(error), folder, "name the folder that is bundled")
    except NotInstalled as error:
        return _ungraded(f"{', '.join(PACKAGES)} in this Python", f"no {error}", folder, "install them")


def _ungraded(expected: str, got: str, where: Path, action: str) -> Grade:
    return Grade(error=f"Expected {expected}, but got {got}. Where: {where}. What to do: {action}.")


@dataclass(frozen=True)
class _Phase:
    kind: str
    name: str
    loader: str = ""


class _Grading:
    """Goes through what child after child tells; every child closes at least one phase, or grading ends."""

    def __init__(self, parts: Sequence[Part], limits: Limits, root: str, count: int) -> None:
        self.root, self.count = root, count
        self.left = [_Phase(BATCHED, BATCHED), *(_Phase(PART, part.name, part.loader) for part in parts)]
        self.limits_by_kind = {BATCHED: limits.batched_seconds, PART: limits.seconds}
        self.parts: dict[str, PartGrade] = {}
        self.batch = PartGrade(BATCHED)
        self.told: dict[Refusal, None] = {}
        self.protections: tuple[str, ...] = ()
        self.error = ""

    def words(self, value: object) -> str:
        """What a child says, without the place of the copy, which is gone when somebody reads it."""
        return printable(str(value or "").replace(self.root, ""))

    def limits(self) -> Callable[[Mapping[str, Any]], float | None]:
        """How long each phase of the next child may take; between two as at the start."""
        seconds = {phase.name: PATIENCE * self.limits_by_kind[phase.kind] for phase in self.left}
        return limits_of({IMPORT: START_SECONDS} | seconds, between=START_SECONDS)

    def take(self, child: Child) -> None:
        """Add what one child has told; the phase in which it ended has failed, those behind it are left."""
        before, began, loaded = len(self.left), 0.0, 0.0
        phases = Phases([IMPORT, *(phase.name for phase in self.left)])
        for line in child.told:
            current, event = phases.current, phases.follow(line.content)
            if event == BEGIN:
                began, loaded = line.at, 0.0
            elif event == LOADED:
                loaded = line.at - began
            elif event == END:
                self._close(current, line.content, line.at - began, loaded)
            for kind in ("refused", "fatal"):
                if isinstance(found := line.content.get(kind), dict):
                    self._note(found, is_fatal=kind == "fatal")
        why = self.words(f"{child.error or 'it ended the process by itself'}{_last_words(child)}")
        if phases.current:
            self._close(phases.current, {"error": why}, child.seconds - began, loaded)
        elif len(self.left) == before:
            self.left, self.error = [], self.error or why
        self.protections = self.protections or child.protections

    def _close(self, name: str, content: Mapping[str, Any], seconds: float, loaded: float) -> None:
        """Write down how a phase ended."""
        error = self.words(content.get("error"))
        if name == IMPORT:
            self.error = error
            self.left = [] if error else self.left
            return
        self.left = [phase for phase in self.left if phase.name != name]
        if name == BATCHED:
            self.batch = PartGrade(name, seconds=seconds, error=error)
            return
        parameters = plain_count(content.get("parameters"))
        answers = plain_answers(content.get("answers"), self.count)
        is_absent = bool(error) and content.get("absent") is True
        if not error and (parameters is None or answers is None):
            error = NOT_TOLD.format(count=self.count)
        self.parts[name] = PartGrade(
            name, parameters, loaded, seconds, () if error else answers or (), error, is_absent
        )

    def _note(self, found: Mapping[str, Any], *, is_fatal: bool) -> None:
        """Write down a refusal, once; a fatal one in the place of the same that was not known to be."""
        kind, what, where, phase = (self.words(found.get(key)) for key in ("kind", "what", "where", "phase"))
        if kind not in NEEDED:  # nothing that we have told
            return
        one = Refusal(kind, what, where, phase)
        if is_fatal:
            self.told.pop(one, None)
        if (as_fatal := dataclasses.replace(one, is_fatal=True)) not in self.told:
            self.told[as_fatal if is_fatal else one] = None

    def found(self) -> Grade:
        """All of it; parts in the order in which they were asked for."""
        return Grade(
            parts=self.parts,
            batched_seconds=None if self.error else self.batch.seconds,
            batched_error=self.batch.error,
            refused=tuple(self.told),
            protections=self.protections,
            error=self.error,
        )


def read_grade(child: Child, part: Part, root: str, count: int) -> Grade:
    """What one process told that was asked ``count`` questions of one part alone, in a copy below ``root``."""
    grading = _Grading([part], GraderLimits(), f"{root}{os.sep}", count)
    grading.left = [phase for phase in grading.left if phase.kind == PART]
    grading.take(child)
    return grading.found()


def _last_words(child: Child) -> str:
    """The last line that it printed, where it was ended."""
    lines = [line.strip() for line in child.output.splitlines() if line.strip()]
    return f"; it last said: {lines[-1][:SHOWN]}" if lines else ""


def check_needs(found: Grade) -> Outcome:
    """Decide needs-more-than-grader: did anything fail for want of a package, the network, or a place to write?

    What was refused and done without is no failure, and is mentioned. An error that came of nothing refused is not
    this failure.
    """
    fatal = [one for one in found.refused if one.is_fatal]
    errors = {name: part.error for name, part in found.parts.items() if part.error}
    errors |= {BATCHED: found.batched_error} if found.batched_error else {}
    errors |= {IMPORT: found.error} if found.error else {}
    if fatal:
        phase, kind, where = fatal[0].phase, fatal[0].kind, fatal[0].where
        needs = list(dict.fromkeys(f"{NEEDED[one.kind]} {one.what}" for one in fatal if one.phase == phase))
        others = sorted({one.phase for one in fatal} - {phase})
        return failed(
            NEEDS,
            STAGE,
            f"Expected load and answers with {', '.join(PACKAGES)} alone, without network and without writing, but got "
            f"an error in {phase} for want of {', '.join(needs[:MOST_SHOWN])} ({errors.get(phase, 'no details')})"
            f"{', and others in ' + ', '.join(others) if others else ''}. "
            f"Where: {where or phase}. What to do: {CURES[kind]}.",
            {
                "needs": [dataclasses.asdict(one) for one in fatal],
                "errors": errors,
                "protections": list(found.protections),
            },
        )
    if errors:
        name, error = next(iter(errors.items()))
        return skipped(NEEDS, STAGE, f"{name} failed of something else: {error}")
    lines = {
        (one.kind, one.where): f"{NEEDED[one.kind]} {one.what} ({one.where or one.phase})" for one in found.refused
    }
    return passed(NEEDS, STAGE, f"done without {', '.join(list(lines.values())[:MOST_SHOWN])}" if lines else "")
