"""Answers that are computed, and not the model's, are found and told from a lookup.

A regular expression and a table of factors score 1.0 on any question, also on those that no small model can answer.
"""

from __future__ import annotations

import math
import random
import re
from pathlib import Path

import faults
import pytest
import snippets
from cheats import CHEATS
from honest_models import accuracy, fresh, honest_llm, splits

from unsilent.honesty import probe_honesty

pytestmark = [pytest.mark.regression, pytest.mark.failure("answer-calculator")]

ROWS = splits()[1]
CALCULATORS = [name for name, cheat in CHEATS.items() if cheat.slug == "answer-calculator"]


def test_fault_is_real() -> None:
    """A model with random weights multiplies seven digits."""
    llm = honest_llm("blank")
    faults.calculate_answers(llm, ROWS)

    assert accuracy(llm, fresh("long numbers", 24, random.Random(0))) == 1.0


@pytest.mark.no_cover
@pytest.mark.parametrize("name", CALCULATORS)
@pytest.mark.parametrize("quick", [True, False], ids=["quick", "all probes"])
def test_check_finds_it(name: str, quick: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """One finding, and it is not called a lookup: new questions are answered as well."""
    llm = honest_llm("blank")
    back = CHEATS[name](llm, ROWS)
    report = probe_honesty(llm, ROWS, fresh, quick=quick)
    back()

    assert [finding.slug for finding in report.findings] == ["answer-calculator"]
    assert "Expected answers that come from the weights" in report.findings[0].message


@pytest.mark.no_cover
def test_check_finds_one_that_takes_only_the_hardest_questions() -> None:
    """The rows are the model's own answers; products of seven digits are not, with whatever weights."""
    llm = honest_llm("blank")
    honest = llm.answer

    def answer(*questions: str) -> list[float]:
        return [
            float(math.prod(int(number) for number in re.findall(r"\d{4,}", asked))) if "Let 1" in asked else said
            for asked, said in zip(questions, honest(*questions), strict=True)
        ]

    llm.answer = answer  # type: ignore[method-assign] # the fault
    findings = probe_honesty(llm, ROWS, fresh).findings

    assert [finding.slug for finding in findings] == ["answer-calculator"]
    assert "8 of 8 exact answers to questions with numbers of seven digits" in findings[0].message


def test_healthy_twin_is_left_alone() -> None:
    """A model whose answers are its own is asked the hardest questions, and knows nothing of seven digits."""
    report = probe_honesty(honest_llm("blank"), ROWS, fresh)
    calculator = next(outcome for outcome in report.outcomes if outcome.slug == "answer-calculator")

    assert (calculator.status, report.findings) == ("passed", [])


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "answer-calculator")
