"""A submission is graded part by part, and whatever it does costs it no more than that part."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import support
from tiny_submission import ANSWERS, QUESTIONS, write_submission

from unsilent import closure, grading
from unsilent.grading import Grade, GraderLimits, Part, PartGrade, Refusal, _Grading, check_needs, grade, read_grade
from unsilent.sandbox import Child, Told

ROOT = Path(__file__).parents[3]
SFT = Part("sft", "load_sft")
QUICK = GraderLimits(0.5, 0.5)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch, which no canned submission needs."""
    monkeypatch.setattr(grading, "PRELOADED", ())


def child(*lines: dict[str, Any], error: str = "", output: str = "") -> Child:
    """What a process told, a second a line."""
    return Child(tuple(Told(float(at), line) for at, line in enumerate(lines)), error, output, float(len(lines)))


def taken(*children: Child, parts: tuple[Part, ...] = (SFT,)) -> Grade:
    """What is made of that."""
    made = _Grading(parts, GraderLimits(), "/copy/", 2)
    for one in children:
        made.take(one)
    return made.found()


IMPORTED = ({"begin": "import", "kind": "import"}, {"end": "import"})
BATCHED = ({"begin": "batched", "kind": "batched"}, {"end": "batched"})


@pytest.mark.usefixtures("_quick")
def test_healthy_submission(tmp_path: Path) -> None:
    """Every figure of every part, in the order that was asked for."""
    package = write_submission(tmp_path, after="def load_cot():\n    return BaseLLM()")
    found = grade(package, [Part("cot", "load_cot"), SFT], QUESTIONS)

    assert (list(found.parts), found.error, found.batched_error, found.refused) == (["cot", "sft"], "", "", ())
    assert (found.parts["sft"].answers, found.parts["sft"].parameters) == (ANSWERS, 2000)
    assert 0 < found.parts["sft"].load_seconds <= found.parts["sft"].seconds < 5
    assert 0 < float(found.batched_seconds or 0) < 5
    assert "an audit hook" in found.protections


@pytest.mark.usefixtures("_quick")
def test_what_one_part_does_costs_that_part(tmp_path: Path) -> None:
    """Ending the process, crashing, hanging and printing without end; the last part is graded all the same."""
    acts = {
        "leaves": "print('bye')\n    import os\n    os._exit(0)",
        "crashes": "import os\n    os.abort()",
        "hangs": "import time\n    time.sleep(60)",
        "prints": "while True:\n        print('x' * 10**6)",
        "raises": "raise ValueError('of its own')",
    }
    source = "".join(f"def load_{name}():\n    {body}\n" for name, body in acts.items())
    package = write_submission(tmp_path, after=source)
    found = grade(package, [*(Part(name, f"load_{name}") for name in acts), SFT], QUESTIONS, bounds=QUICK)

    assert {name: part.error for name, part in found.parts.items()} == {
        "leaves": "it ended the process by itself; it last said: bye",
        "crashes": "the process ended by SIGABRT",
        "hangs": "it was ended: still running after 1 s",
        "prints": f"it was ended: still running after 1 s; it last said: {'x' * grading.SHOWN}",
        "raises": "ValueError: of its own",
        "sft": "",
    }
    assert found.parts["sft"].answers == ANSWERS


@pytest.mark.usefixtures("_quick")
def test_absent_loader_and_a_lazy_one_that_is_broken(tmp_path: Path) -> None:
    """Only the one that is not there is absent; the other fails by a bug of its module."""
    lazy = (
        "def __getattr__(name):\n    if name == 'load_rft':\n        from . import rft\n"
        "        return rft.load_rft\n    raise AttributeError(f'no {name}')\n"
    )
    package = write_submission(tmp_path, after=lazy)
    (package / "rft.py").write_text("import math\nRATE = math.no_rate\ndef load_rft(): ...\n")
    found = grade(package, [Part("cot", "load_cot"), Part("rft", "load_rft"), SFT], QUESTIONS)

    assert {name: (part.is_absent, part.error) for name, part in found.parts.items()} == {
        "cot": (True, "Absent: Expected load_cot in the package, but got none (no load_cot)"),
        "rft": (False, "AttributeError: module 'math' has no attribute 'no_rate'"),
        "sft": (False, ""),
    }


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import os; os._exit(0)", "it ended the process by itself"),
        ("import homework.lost", "ModuleNotFoundError: No module named 'homework.lost'"),
    ],
    ids=["raises", "leaves", "lacks a file"],
)
@pytest.mark.usefixtures("_quick")
def test_package_that_cannot_be_imported(tmp_path: Path, source: str, error: str) -> None:
    """Nothing is graded, and it is said why."""
    found = grade(write_submission(tmp_path, before=source), [SFT], QUESTIONS)

    assert found == Grade(error=error, protections=found.protections)
    assert check_needs(found).reason == f"import failed of something else: {error}"


@pytest.mark.usefixtures("_quick")
def test_base_that_cannot_be_asked(tmp_path: Path) -> None:
    """The batch has an error of its own."""
    found = grade(write_submission(tmp_path, after="del BaseLLM.batched_generate"), [], QUESTIONS)

    assert found.batched_error == "AttributeError: 'BaseLLM' object has no attribute 'batched_generate'"
    assert (found.error, found.parts) == ("", {})


@pytest.mark.parametrize("name", ["my homework", "hausaufgäbe", "home-work"])
@pytest.mark.usefixtures("_quick")
def test_any_name_that_python_can_import(tmp_path: Path, name: str) -> None:
    """Spaces and other letters are no obstacle."""
    package = write_submission(tmp_path).rename(tmp_path / name)

    assert grade(package, [SFT], QUESTIONS).parts["sft"].answers == ANSWERS


def test_no_submission(tmp_path: Path) -> None:
    """A folder that is none, a zip, a folder without code, a name with a dot: said before anything runs."""
    (tmp_path / "a.zip").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    dotted = write_submission(tmp_path).rename(tmp_path / "home.work")

    for path, got in (
        (tmp_path / "none", "no such folder"),
        (tmp_path / "a.zip", "a file, no folder (unpack a zip first)"),
        (tmp_path / "empty", "no __init__.py in it"),
        (dotted, "'home.work', with a dot"),
    ):
        found = grade(path, [SFT], QUESTIONS)
        assert f"but got {got}. Where: {path}. What to do: " in found.error
        assert found == Grade(error=found.error)


@pytest.mark.usefixtures("_quick")
def test_chosen_files_are_all_there_is(tmp_path: Path) -> None:
    """What the bundle leaves out is missed here."""
    package = write_submission(tmp_path, before="from . import extra")
    (package / "extra.py").write_text("")

    assert grade(package, [SFT], QUESTIONS).error == ""
    assert "cannot import name 'extra'" in grade(package, [SFT], QUESTIONS, files=[Path("__init__.py")]).error


def test_grader_packages_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said, with what to do."""

    def none(*_: str) -> closure.Closure:
        raise closure.NotInstalled("peft")

    monkeypatch.setattr(grading, "closure_of", none)

    assert "Expected torch, transformers, peft in this Python, but got no peft." in grade(tmp_path, [], []).error


def test_phase_that_never_closed_has_failed() -> None:
    """With how the process ended, and until then; what follows is left for the next process."""
    first = child(*IMPORTED, *BATCHED, {"begin": "sft"}, {"loaded": "sft"}, error="the process ended by SIGSEGV")
    second = child(*IMPORTED, {"begin": "rft"}, {"end": "rft", "parameters": 5, "answers": [1.0, None]})
    found = taken(first, second, parts=(SFT, Part("rft", "load_rft")))

    assert found.parts == {
        "sft": PartGrade("sft", None, 1.0, 2.0, (), "the process ended by SIGSEGV"),
        "rft": PartGrade("rft", 5, 0.0, 1.0, (1.0, None), ""),
    }
    assert found.batched_seconds == 1.0


def test_process_that_never_began() -> None:
    """Grading ends; there is no other process that would fare better."""
    found = taken(child(error="ModuleNotFoundError: No module named 'torch'"))

    assert (found.error, found.parts) == ("ModuleNotFoundError: No module named 'torch'", {})
    assert found.batched_seconds is None


def test_lines_that_lie_do_no_harm() -> None:
    """Ends without a beginning, types that are no figures."""
    lies: list[dict[str, Any]] = [{"end": "sft"}, {"begin": 5}, {"end": {}}, {"loaded": "sft"}]
    lies += [{"refused": "x"}, {"fatal": {"kind": []}}, {"refused": {"kind": "another"}}]
    true: list[dict[str, Any]] = [{"begin": "sft"}, {"end": "sft", "parameters": 5, "answers": [1.0, "2"]}]
    found = taken(child(*lies, *IMPORTED, *BATCHED, *true))

    assert found.parts["sft"] == PartGrade("sft", 5, 0.0, 1.0, (1.0, None))
    assert found.refused == ()


def test_each_phase_has_its_time() -> None:
    """Twice what the grader gives, so that the report can say how slow it is; once, and in its turn."""
    limit_of = _Grading([SFT], GraderLimits(), "/copy/", 2).limits()
    told = (
        {"begin": "sft"},
        *IMPORTED,
        *BATCHED,
        {"begin": "sft"},
        {"loaded": "sft"},
        {"begin": "sft"},
        {"end": "sft"},
    )
    start = grading.START_SECONDS

    assert [limit_of(line) for line in told] == [None, start, start, 30.0, start, 120.0, None, None, start]


@pytest.mark.parametrize(
    "told",
    [
        {"parameters": "many", "answers": [1.0, 2.0]},
        {"parameters": 5, "answers": 5},
        {"parameters": 5, "answers": [1.0]},
        {"parameters": 5, "answers": [1.0, 2.0, 3.0]},
        {"parameters": -5, "answers": [1.0, 2.0]},
        {"parameters": 10**20, "answers": [1.0, 2.0]},
        {},
    ],
    ids=["a text", "no list", "too few", "too many", "negative", "huge", "nothing"],
)
def test_end_that_lies_is_an_error_of_the_part(told: dict[str, Any]) -> None:
    """Answers that are not so many as there were questions, and a count that no model has, are nobody's answers."""
    found = taken(child(*IMPORTED, *BATCHED, {"begin": "sft"}, {"end": "sft"} | told)).parts["sft"]

    assert "Expected 2 answers and a number of parameters at the end of the part, but got others" in found.error
    assert found.answers == ()


def test_lines_out_of_turn_change_nothing() -> None:
    """A second beginning would make the time short, a second end the answers others, and an end with an error none."""
    real: dict[str, Any] = {"end": "sft", "parameters": 5, "answers": [1.0, 2.0]}
    lines: list[dict[str, Any]] = [
        {"begin": "sft"},
        {"loaded": "sft"},
        {"loaded": "sft"},
        {"begin": "sft"},
        {"end": "rft"},
        real,
    ]
    found = taken(child(*IMPORTED, *BATCHED, *lines, {"end": "sft", "error": "no", "absent": True}, {"begin": "sft"}))

    assert found.parts == {"sft": PartGrade("sft", 5, 1.0, 5.0, (1.0, 2.0))}


def test_absence_is_an_error() -> None:
    """Who has answered was there."""
    end = {"end": "sft", "parameters": 5, "answers": [1.0, 2.0], "absent": True}

    assert not taken(child(*IMPORTED, *BATCHED, {"begin": "sft"}, end)).parts["sft"].is_absent


def test_paths_of_the_copy_are_not_shown() -> None:
    """It is gone when somebody reads of it; control characters are written out."""
    lines = ({"begin": "sft"}, {"end": "sft", "error": "no \x1b /copy/homework/a"})
    refusal = {"kind": "write", "what": "/copy/homework/b", "where": "homework/sft.py:1", "phase": "sft"}
    found = taken(child(*IMPORTED, *BATCHED, *lines, {"refused": refusal}))

    assert found.parts["sft"].error == r"no \x1b homework/a"
    assert found.refused == (Refusal("write", "homework/b", "homework/sft.py:1", "sft"),)


def test_refusal_stands_once() -> None:
    """Whether it was fatal is known later, perhaps, or in another process."""
    refusal = {"kind": "write", "what": "a", "where": "b:1", "phase": "import"}
    found = taken(child({"refused": refusal}, {"fatal": refusal}, {"refused": refusal}))

    assert found.refused == (Refusal("write", "a", "b:1", "import", is_fatal=True),)


def test_finding_speaks_of_one_phase() -> None:
    """And names the others."""
    refused = (
        Refusal("import", "pandas", "homework/a.py:1", "sft", is_fatal=True),
        Refusal("import", "lxml", "homework/a.py:2", "sft", is_fatal=True),
        Refusal("write", "cache", "", "rft", is_fatal=True),
    )
    parts = {"sft": PartGrade("sft", error="no pandas"), "rft": PartGrade("rft", error="no cache")}
    outcome = check_needs(Grade(parts=parts, refused=refused, batched_error="no base"))

    assert (
        "but got an error in sft for want of the package pandas, the package lxml (no pandas), and others in rft. "
        "Where: homework/a.py:1. What to do: do without the package" in outcome.message
    )
    assert outcome.evidence["errors"] == {"sft": "no pandas", "rft": "no cache", "batched": "no base"}


def test_what_was_done_without_is_mentioned() -> None:
    """Once for each line that tried, whatever it tried there."""
    refused = (
        Refusal("write", "cache/abc", "homework/a.py:1", "sft"),
        Refusal("write", "cache/def", "homework/a.py:1", "sft"),
        Refusal("network", "example.com", "", "rft"),
    )

    assert check_needs(Grade()).message == ""
    assert check_needs(Grade(refused=refused)).message == (
        "done without writing cache/def (homework/a.py:1), the network: example.com (rft)"
    )


@pytest.mark.slow
def test_library_itself(tiny_base: Path, trained_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own package with a trained adapter, with torch, transformers and peft: loaded, asked, and nothing refused."""
    ours = shutil.ignore_patterns("*_model", "__pycache__")
    package = shutil.copytree(ROOT / "homework", tmp_path / "homework", ignore=ours)
    shutil.copytree(trained_once, package / "sft_model")
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    found = grade(package, [SFT, Part("rft", "load_rft")], QUESTIONS[:2])

    assert (found.error, found.batched_error, found.refused) == ("", "", ())
    assert found.parts["sft"].error == ""
    assert found.parts["sft"].parameters == sum(one.numel() for one in support.tiny_adapter().parameters())
    assert len(found.parts["sft"].answers) == 2
    assert "Expected a trained adapter" in found.parts["rft"].error
    assert check_needs(found).reason.startswith("rft failed of something else")


def test_one_part_is_read_from_one_process() -> None:
    """Of a process that was asked for nothing else: no batch, and no place of the copy."""
    lines = ({"begin": "sft", "kind": "part"}, {"end": "sft", "kind": "part", "error": "no /copy/a.txt"})
    found = read_grade(child(*IMPORTED, *lines), SFT, "/copy", 2)

    assert found.parts == {"sft": PartGrade("sft", seconds=1.0, error="no a.txt")}
    assert read_grade(child(error="the process ended with 3"), SFT, "/copy", 2).error == "the process ended with 3"
