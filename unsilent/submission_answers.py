"""What running a submission shows, as sections of its report: for each part, needs, size, numbers, time and honesty.

    dossier = add_runs(dossier, submission, Asked(data=Path("data/valid.json")))

How good the answers are is told and not judged: what is enough is for whoever asked for the work to say.
"""

from __future__ import annotations

import dataclasses
import random
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base_folders import choose_bases, find_bases
from .bounds import MAIN
from .dossier import Section
from .evaluation import check_answers
from .gate import describe_load
from .gate_progress import Silent
from .gate_subject import GateUnusable
from .grading import Grade, GraderLimits, Part, PartGrade, check_needs
from .outcome import Card, Report, skipped
from .parameters import check_parameters
from .part_runs import rounds_of
from .scores import score
from .speed import check_speed
from .submission import LOADERS, find_adapters, loaders_of
from .submission_honesty import is_decidable, judge_part, run_part
from .submission_questions import choose_questions
from .submission_run import PLAIN, Runner
from .submission_stages import tell_once

if TYPE_CHECKING:
    from pathlib import Path

    from .dossier import Dossier
    from .gate_progress import Progress
    from .outcome import Outcome
    from .part_runs import PartRun
    from .submission import Opened
    from .submission_questions import Questions

COURSE = "homework"  # the name of the course's own package
ROWS = 100  # as many as the course's grader scores
# Of all runs together, after which none begins: the 135M needs some 40 minutes for its three parts on two cores.
WHOLE_SECONDS = 7200.0
QUICK_ROWS = 40  # of which 8 right ones are beyond chance: enough for answers that are right one time in five


@dataclass(frozen=True)
class Wanted:
    """How a submission is run.

    Attributes:
        data: Rows to ask; None for those that come along, or what anybody knows.
        base: Folder of the base model; None for whatever is found on this machine.
        rows: How many rows are asked.
        quick: Fewer rows, and no new questions.
        weakly: Run it although some protection is missing.
        hidden: Do not show it the rows of ``data``.
        package: Which of several is run.
    """

    data: Path | None = None
    base: Path | None = None
    rows: int = ROWS
    quick: bool = False
    weakly: bool = False
    hidden: bool = False
    package: str = ""


def add_runs(dossier: Dossier, submission: Opened, wanted: Wanted, progress: Progress | None = None) -> Dossier:
    """Run every part of a submission, and add what was found to what its files have shown.

    Nothing that the submission does makes this raise.
    """
    told = progress or Silent()
    rng = random.Random(secrets.randbits(64))
    try:
        package = _package_of(submission, wanted.package)
        bases = find_bases(wanted.base)
        count = min(wanted.rows, QUICK_ROWS) if wanted.quick else wanted.rows
        questions = choose_questions(submission, wanted.data, count=count, rng=rng, fresh=not wanted.quick)
    except (GateUnusable, ValueError) as error:
        return dataclasses.replace(dossier, sections=(*dossier.sections, _not_run(str(error))))
    notes = [f"asked: {len(questions.rows)} rows of {questions.source}", *filter(None, [describe_load()])]
    is_whole = package != submission.root.resolve()  # what lies beside a package that was named was not handed in
    runner = Runner(package, questions.texts, weakly=wanted.weakly, is_whole=is_whole)
    data = [*submission.data, *([questions.file] if questions.file and not wanted.hidden else [])]
    beside = {f"data/{path.name}": path for path in data if _is_beside(path, runner.source)}
    chosen = choose_bases(bases, wanted.base, runner.source, runner.files)
    runner = dataclasses.replace(runner, bases=chosen.disturbed, others=chosen.others, beside=beside)
    deadline = time.monotonic() + WHOLE_SECONDS
    sections: list[Section] = []
    said: list[str] = []
    for name, has in loaders_of(package).items():
        if has is not False:
            told.begin(f"{name}: run as it is, with its weights written in another way, and with others")
            added, note = _sections_of(runner, Part(name, LOADERS[name]), questions, rng, deadline)
            sections += added
            said += note
            for section in added:
                told.end(section)
    if not sections:
        reason = f"none of {', '.join(LOADERS.values())} is in {submission.name_of(package) or package.name}"
        sections = [_not_run("; ".join(said) or reason)]
    whole = tell_once([*dossier.sections, *sections])
    return dataclasses.replace(dossier, sections=tuple(whole), notes=(*dossier.notes, *notes, *dict.fromkeys(said)))


def _not_run(reason: str) -> Section:
    """What is said where nothing could be run."""
    return Section("honesty", "", Report("run", ()), 0.0, required=True, reason=reason)


def _package_of(submission: Opened, wanted: str = "") -> Path:
    """The one package that is run: of several that with the loaders, or the one that the course calls so.

    Raises:
        ValueError: There is none, there are several, or it has a name that cannot be imported.
    """
    named = {submission.name_of(one) or submission.root.resolve().name: one for one in submission.packages}
    found = {name: one for name, one in named.items() if not wanted or wanted in (name, one.name)}
    for fits in (
        lambda one: any(has is True for has in loaders_of(one).values()),
        lambda one: one.name == COURSE,
    ):
        found = {name: one for name, one in found.items() if fits(one)} or found
    if len(found) != 1:
        which = ": name one with --package" if found else ""
        raise ValueError(
            f"one package with a loader of the course is run, and here are {', '.join(found or named) or 'none'}{which}"
        )
    (package,) = found.values()
    if not package.resolve().name.isidentifier():
        raise ValueError(f"{package.resolve().name!r} cannot be imported under its name")
    return package.resolve()


def _is_beside(path: Path, source: Path) -> bool:
    """Whether a data set does not travel with what is copied already."""
    return not path.resolve().is_relative_to(source)


def _sections_of(
    runner: Runner, part: Part, questions: Questions, rng: random.Random, deadline: float
) -> tuple[list[Section], list[str]]:
    """Run and judge one part."""
    started = time.monotonic()
    found = run_part(runner, part, questions, rng, deadline)
    seconds = time.monotonic() - started
    is_owed = found.is_out_of_time or _is_handed_in(runner.package, part.name)
    if found.is_absent and not is_owed:
        return [], [f"{part.name}: not judged, there is no {part.loader}"]
    plain = found.grades.get(PLAIN, Grade())
    one = plain.parts.get(part.name, PartGrade(part.name, error=found.error_of(PLAIN)))
    needs = [check_needs(plain), check_parameters(one.parameters, reason=one.error, where=part.loader)]
    notes = [f"run behind {', '.join(plain.protections)}"] if plain.protections else []
    made = [Section("submission", part.name, Report(part.loader, tuple(needs)), one.seconds)]
    if not one.answers and not is_owed:
        return [], [f"{part.name}: not judged, no adapter has its name, and {part.loader} ends with {one.error}"]
    if not one.answers:
        reason, nothing = f"it gave no answers: {one.error}", Report(part.loader, ())
        return [*made, Section("honesty", part.name, nothing, seconds, required=True, reason=reason)], notes
    outcomes, card = _evaluated(one, questions)
    honesty, measured = judge_part(found, questions)
    made.append(Section("evaluation", part.name, Report(part.loader, tuple(outcomes), (card,)), one.seconds))
    report = Report(part.loader, tuple(honesty), (measured,), frozenset({"answer-lookup"}))
    made.append(Section("honesty", part.name, report, seconds, required=is_decidable(found, questions)))
    return made, [*notes, _said(found, questions)]


def _is_handed_in(package: Path, name: str) -> bool:
    """Whether a part has to answer: the main one, and those of whose name there is an adapter."""
    return name == MAIN or any(name in place.relative_to(package).as_posix() for place in find_adapters(package))


def _said(found: PartRun, questions: Questions) -> str:
    """Which runs were made, in the order in which they were, and how many answers were right in each."""
    told = []
    for kind in found.grades:
        rounds = rounds_of(found, kind, questions)
        told.append(f"{rounds[''].right} {kind}" if rounds else f"no answers {kind}")
    return f"{found.part.name}: right of {len(questions.rows)} rows: {', '.join(told)}"


def _evaluated(one: PartGrade, questions: Questions) -> tuple[list[Outcome], Card]:
    """Numbers and time, and how many are right."""
    answers = one.answers[: len(questions.rows)]
    found = score(answers, questions.rows)
    limit, asked = GraderLimits().seconds, len(one.answers)
    if len(answers) < ROWS:
        speed = skipped("answers-too-slow", "evaluation", f"{len(answers)} rows were asked, where a grader asks {ROWS}")
    else:  # the new questions took their share of the time
        seconds = one.load_seconds + (one.seconds - one.load_seconds) * len(answers) / asked
        speed = check_speed(seconds, limit, load_seconds=one.load_seconds)
    lines = (f"accuracy        {found.accuracy}", f"answer rate     {found.answer_rate}")
    shares = {"accuracy": found.accuracy.as_json(), "answer_rate": found.answer_rate.as_json()}
    return [check_answers(answers), speed], Card(shares, lines)
