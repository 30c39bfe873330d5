"""Running a submission adds sections to its report: each part's needs, numbers, time and honesty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_submissions as small

from unsilent import base_folders, submission_answers, submission_run
from unsilent.base_folders import Base
from unsilent.dossier import Dossier, Section
from unsilent.grading import Grade, PartGrade, Refusal
from unsilent.outcome import Report
from unsilent.submission import opened
from unsilent.submission_answers import Wanted, add_runs
from unsilent.submission_run import DISTURBED, Runner
from unsilent.submission_stages import judge_files

INIT = "def load_sft(): ...\n"
ALONE = ("a root of its own",)
LOOKUP = "answer-lookup"


@pytest.fixture(autouse=True)
def _no_bases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies on this machine is nobody's business."""
    monkeypatch.setattr(base_folders, "_found", lambda: iter(()))
    monkeypatch.setattr(submission_answers, "describe_load", lambda: "")
    monkeypatch.setattr(submission_run, "PRELOADED", ())


def can(monkeypatch: pytest.MonkeyPatch, right: int = 30, **more: Any) -> None:  # noqa: ANN401 - fields of a grade
    """Let every run give so many right answers of the small rows, and none where its weights are disturbed."""

    def ask(self: Runner, part: Any, kind: str) -> Grade:  # noqa: ANN401
        known = {} if kind == DISTURBED else dict(small.ROWS[:right])
        answers = tuple(known.get(text) for text in self.texts)
        fields: dict[str, Any] = {"parameters": 1000, "load_seconds": 2.0, "seconds": 10.0, "answers": answers} | more
        return Grade({part.name: PartGrade(part.name, **fields)}, protections=ALONE)

    monkeypatch.setattr(Runner, "ask", ask)


def asking(monkeypatch: pytest.MonkeyPatch) -> list[Runner]:
    """Run nothing; the list holds who would have."""
    asked: list[Runner] = []

    def ask(self: Runner, part: Any, kind: str) -> Grade:  # noqa: ANN401
        asked.append(self)
        return Grade(error="no")

    monkeypatch.setattr(Runner, "ask", ask)
    return asked


def run(folder: Path, **wanted: Any) -> Dossier:  # noqa: ANN401 - fields of Wanted
    """Judge and run."""
    with opened(folder) as submission:
        before = Dossier(str(folder), (Section("submission", "", Report("code", ()), 0.0),), notes=("before",))
        return add_runs(before, submission, Wanted(**wanted))


def section(dossier: Dossier, stage: str, part: str = "sft") -> Section:
    """The one of this stage and part."""
    (found,) = [one for one in dossier.sections if (one.stage, one.part) == (stage, part)]
    return found


def statuses(found: Section) -> dict[str, str]:
    """What was said about each failure."""
    return {one.slug: one.status for one in found.report.outcomes}


def test_each_part_has_its_sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Needs and size, numbers and time, honesty; and what was asked, behind what."""
    can(monkeypatch)
    small.write_small(tmp_path, INIT)
    dossier = run(tmp_path, rows=30)

    assert statuses(section(dossier, "submission")) == {"needs-more-than-grader": "passed", "base-too-large": "passed"}
    assert statuses(section(dossier, "evaluation")) == {"no-numeric-answers": "passed", "answers-too-slow": "skipped"}
    assert statuses(section(dossier, "honesty")) == {"answer-lookup": "skipped", "answer-calculator": "passed"}
    assert section(dossier, "honesty").required
    assert dossier.notes[:2] == (
        "before",
        "asked: 30 rows of " + f"{tmp_path}/homework/data/valid.json, which came with it",
    )
    assert "run behind a root of its own" in dossier.notes
    assert "30 as it is" in dossier.notes[-1]
    assert section(dossier, "evaluation").report.cards[0].lines[0].startswith("accuracy        1.000")


def test_time_is_that_of_the_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 rows, as the grader asks; the new questions took their share of the time."""
    can(monkeypatch, right=60, seconds=2.0 + 148 * 0.5)
    small.write_small(tmp_path, INIT)
    monkeypatch.setattr(submission_answers, "ROWS", 60)
    dossier = run(tmp_path)

    assert statuses(section(dossier, "evaluation"))["answers-too-slow"] == "passed"


def test_quick_asks_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows alone, and fewer of them."""
    can(monkeypatch)
    small.write_small(tmp_path, INIT)
    dossier = run(tmp_path, quick=True)

    assert "asked: 40 rows" in dossier.notes[1]
    assert statuses(section(dossier, "honesty"))["answer-lookup"] == "passed"


@pytest.mark.no_cover
def test_program_that_answers_is_run(tmp_path: Path) -> None:
    """In processes of its own; the small ones need no base."""
    small.write_small(tmp_path, small.HONEST)
    dossier = run(tmp_path)

    assert statuses(section(dossier, "honesty")) == {"answer-lookup": "passed", "answer-calculator": "passed"}
    told = dossier.notes[-1].removeprefix("sft: right of 60 rows: ").split(", ")
    assert sorted(told) == ["0 disturbed", "60 as it is", "60 rewritten"]


def test_code_and_answers_that_show_one_lookup_are_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that reads the table stands in the evidence of what the weights showed."""
    monkeypatch.setattr(Runner, "ask", _alone(Runner.ask))
    (tmp_path / "UTID").mkdir()
    small.write_small(tmp_path / "UTID", small.LOOKUP, knows=False)
    with opened(tmp_path / "UTID") as submission:
        before, code = judge_files(submission)
        dossier = add_runs(before, submission, Wanted())
    (line,) = [one.evidence["line"] for one in code if (one.slug, one.status) == ("answer-lookup", "failed")]
    (found,) = [one for one in dossier.findings if one.slug == "answer-lookup"]

    assert (found.stage, found.subject) == ("honesty", "sft")
    assert str(found.evidence["code"]).startswith(f"['homework/__init__.py:{line}: ")


def _alone(ask: Any) -> Any:  # noqa: ANN401 - a method
    """A run that says that it could see nothing but the package."""
    import dataclasses

    return lambda self, part, kind: dataclasses.replace(ask(self, part, kind), protections=ALONE)


@pytest.mark.parametrize(
    ("name", "init", "reason"),
    [
        ("homework", None, "one package with a loader of the course is run, and here are none"),
        ("homework", "x = 1\n", "none of load_cot, load_sft, load_rft is in homework"),
        ("home-work", INIT, "'home-work' cannot be imported under its name"),
    ],
)
def test_what_cannot_be_run_is_undecided(tmp_path: Path, name: str, init: str | None, reason: str) -> None:
    """With the reason."""
    if init:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(init)
    dossier = run(tmp_path)

    assert dossier.sections[-1].reason == reason
    assert dossier.verdict() == "undecided"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [({"data": Path("none.json")}, "Expected a JSON list"), ({"base": Path("none")}, "--base names no base model")],
)
def test_wrong_options_are_said(tmp_path: Path, wanted: dict[str, Path], reason: str) -> None:
    """Nothing is run."""
    small.write_small(tmp_path, INIT)

    assert reason in run(tmp_path, **wanted).sections[-1].reason


def test_base_without_room_matters_where_answers_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be read; an honest part is judged, and right answers that no disturbance changed are undecided."""
    base = Base(tmp_path / "base", tmp_path / "base")
    base.folder.mkdir()
    monkeypatch.setattr(submission_answers, "find_bases", lambda named: [base])
    monkeypatch.setattr(base_folders, "LARGEST", -1)
    small.write_small(tmp_path / "honest", small.HONEST)
    small.write_small(tmp_path / "lookup", small.LOOKUP)

    assert statuses(section(run(tmp_path / "honest"), "honesty"))["answer-lookup"] == "passed"
    looked_up = run(tmp_path / "lookup", quick=True)
    (found,) = [one for one in section(looked_up, "honesty").report.outcomes if one.slug == LOOKUP]
    assert found.status == "skipped"
    assert "that was not disturbed, for want of room (base)" in found.reason


@pytest.mark.parametrize(
    ("packages", "wanted", "taken"),
    [
        ({"old": "from x import *\n", "mine": INIT}, "", "mine"),
        ({"old": INIT, "homework": INIT}, "", "homework"),
        ({"old": INIT, "homework": INIT}, "old", "old"),
    ],
)
def test_one_of_several_packages_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], wanted: str, taken: str
) -> None:
    """The one with the loaders, the course's, or the one that was named."""
    asked = asking(monkeypatch)
    for name, init in packages.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(init)
    run(tmp_path, package=wanted)

    assert {one.package.name for one in asked} == {taken}


@pytest.mark.parametrize(("wanted", "words"), [("", "one, two: name one with --package"), ("three", "one, two")])
def test_several_packages_are_asked_about(tmp_path: Path, wanted: str, words: str) -> None:
    """Nothing is run."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(INIT)

    assert run(tmp_path, package=wanted).sections[-1].reason.endswith(f"and here are {words}")


@pytest.mark.parametrize("hidden", [True, False])
def test_rows_are_hidden_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: bool) -> None:  # noqa: FBT001 - a case
    """Else they lie beside the package, as at a grader."""
    asked = asking(monkeypatch)
    small.write_small(tmp_path / "UTID", INIT)
    rows = tmp_path / "secret.json"
    rows.write_text((tmp_path / "UTID" / "homework" / "data" / "valid.json").read_text())
    run(tmp_path / "UTID", data=rows, hidden=hidden)

    assert list(asked[0].beside) == ([] if hidden else ["data/secret.json"])


def test_part_that_raises_is_undecided(tmp_path: Path) -> None:
    """The main one, and one with an adapter of its name; others are a note."""
    source = "".join(f"def load_{name}():\n    raise ValueError('{name}')\n" for name in ("cot", "sft", "rft"))
    package = small.write_small(tmp_path, source)
    dossier = run(tmp_path)

    assert section(dossier, "honesty").reason == "it gave no answers: ValueError: sft"
    assert "rft: not judged, no adapter has its name, and load_rft ends with ValueError: rft" in dossier.notes
    assert dossier.verdict() == "undecided"
    (package / "sft_model").rename(package / "rft_model")
    assert section(run(tmp_path), "honesty", "rft").reason == "it gave no answers: ValueError: rft"


def test_absent_part_is_a_note(tmp_path: Path) -> None:
    """Only asking showed it: the text has a __getattr__. The one of which there is an adapter is owed."""
    source = "def __getattr__(name):\n    raise AttributeError(name)\n"
    small.write_small(tmp_path, source)
    dossier = run(tmp_path)

    assert {f"{name}: not judged, there is no load_{name}" for name in ("cot", "rft")} < set(dossier.notes)
    assert "Absent: Expected load_sft in the package" in section(dossier, "honesty").reason
    assert dossier.verdict() == "undecided"


def test_error_that_speaks_of_absence_is_none(tmp_path: Path) -> None:
    """Whoever raises it is there, and gave no answers."""
    words = "Expected load_sft in the package, but got none"
    small.write_small(tmp_path, f"def load_sft():\n    raise ValueError({words!r})\n")
    dossier = run(tmp_path)

    assert section(dossier, "honesty").reason == f"it gave no answers: ValueError: {words}"
    assert dossier.verdict() == "undecided"


def test_time_of_all_runs_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run begins after it, and a part that was not run is undecided, whether or not there is an adapter of it."""
    monkeypatch.setattr(submission_answers, "WHOLE_SECONDS", -1.0)
    small.write_small(tmp_path, "def load_cot(): ...\n")
    dossier = run(tmp_path)

    assert "the time for all runs together is over" in section(dossier, "honesty", "cot").reason
    assert dossier.verdict() == "undecided"


def test_what_a_grader_has_not_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the gate."""
    refused = (Refusal("import", "pandas", "homework/sft.py:1", "sft", is_fatal=True),)
    grade = Grade({"sft": PartGrade("sft", error="ModuleNotFoundError: pandas")}, refused=refused)
    monkeypatch.setattr(Runner, "ask", lambda self, part, kind: grade)
    small.write_small(tmp_path, INIT)
    dossier = run(tmp_path)

    assert [one.slug for one in dossier.findings] == ["needs-more-than-grader"]
    assert dossier.verdict() == "failed"


def test_run_without_answers_is_said(tmp_path: Path) -> None:
    """Beside those that gave some."""
    code = small.HONEST + "\nif float(load_file(FILE)['x.lora_A.weight'][0]) == 16.0:\n    raise ValueError('other')\n"
    small.write_small(tmp_path, code)
    dossier = run(tmp_path)

    assert "no answers rewritten" in dossier.notes[-1]
    assert dossier.verdict() == "undecided"
