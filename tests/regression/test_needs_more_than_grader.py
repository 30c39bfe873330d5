"""What answers here answers at the grader: with torch, transformers and peft alone, no network, no writing.

A helper package that every developer has, a file fetched from a server, a cache beside the code: each works on the
machine where the submission was made, and costs every point where it is graded.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import faults
import pytest
from tiny_submission import ANSWERS, QUESTIONS, prefer_what_is_there, write_submission

from unsilent import grading
from unsilent.grading import Grade, Part, check_needs, grade

pytestmark = [pytest.mark.regression, pytest.mark.failure("needs-more-than-grader")]

FAULTS = {
    "a package": (faults.need_a_package, "import", "pytest", "do without the package"),
    "the network": (faults.need_the_network, "network", "example.com", "put into the folder what is fetched"),
    "writing": (faults.need_to_write, "write", "homework/cache.json", "keep it in memory"),
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A healthy submission."""
    monkeypatch.setattr(grading, "PRELOADED", ())
    return write_submission(tmp_path)


def graded(package: Path) -> Grade:
    """As the grader does it."""
    return grade(package, [Part("sft", "load_sft")], QUESTIONS)


@pytest.mark.parametrize("name", ["a package", "writing"])
def test_fault_is_real(package: Path, name: str) -> None:
    """Run on this machine, as its author does, it answers everything; graded, nothing."""
    FAULTS[name][0](package)
    code = f"import homework; print(homework.load_sft().answer(*{QUESTIONS}))"
    here = subprocess.check_output([sys.executable, "-c", code], cwd=package.parent, text=True)
    there = graded(package).parts["sft"]

    assert json.loads(here) == list(ANSWERS)
    assert (there.answers, bool(there.error)) == ((), True)


@pytest.mark.parametrize("name", FAULTS)
def test_check_finds_it(package: Path, name: str) -> None:
    """The finding names what is needed, the line that needs it, and what to do."""
    fault, kind, what, cure = FAULTS[name]
    fault(package)
    outcome = check_needs(graded(package))

    assert (outcome.status, outcome.slug) == ("failed", "needs-more-than-grader")
    assert "Expected load and answers with torch, transformers, peft alone" in outcome.message
    assert cure in outcome.message
    needs: Any = outcome.evidence["needs"]
    assert [(one["kind"], one["what"], one["phase"]) for one in needs] == [(kind, what, "sft")]
    assert needs[0]["where"].startswith("homework/__init__.py:")


def test_check_finds_it_on_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be loaded at all where the package itself asks for another."""
    monkeypatch.setattr(grading, "PRELOADED", ())
    found = graded(write_submission(tmp_path, before="import pytest"))

    assert found.error == "ModuleNotFoundError: No module named 'pytest'"
    assert check_needs(found).evidence["needs"] == [
        {"kind": "import", "what": "pytest", "where": "homework/__init__.py:3", "phase": "import", "is_fatal": True}
    ]


def test_what_is_done_without_is_no_finding(package: Path) -> None:
    """Refused and tolerated: passed, and mentioned."""
    prefer_what_is_there(package)
    found = graded(package)
    outcome = check_needs(found)

    assert found.parts["sft"].answers == ANSWERS
    assert outcome.status == "passed"
    assert outcome.message.startswith("done without the package pytest (homework/__init__.py:")
    assert [one.kind for one in found.refused] == ["import", "network", "write"]


def test_healthy_twin_is_left_alone(package: Path) -> None:
    """Nothing was asked for that a grader does not give."""
    outcome = check_needs(graded(package))

    assert (outcome.status, outcome.message) == ("passed", "")
