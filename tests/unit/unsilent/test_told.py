"""One failure's part of a report: told whole, as a sign of another, or with the reason why there is nothing to tell."""

from __future__ import annotations

import dataclasses

import pytest

from unsilent import outcome as outcomes
from unsilent.failures import FAILURES
from unsilent.outcome import Outcome, Report, failed, passed, skipped
from unsilent.told import WIDTH, summarise, tell, unjudged

ROOT, SIGN = "nan-grad-norm", "zero-loss"
MESSAGE = "Expected a loss above 0, but got 0.0. Where: step 5. What to do: look at grad_norm."


def report(*found: Outcome) -> Report:
    """A report on a run."""
    return Report("run", found)


@pytest.fixture
def risk(monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """A finding whose failure is a mere risk."""
    row = dataclasses.replace(FAILURES[SIGN], severity="risk")
    monkeypatch.setattr(outcomes, "FAILURES", {**FAILURES, SIGN: row})
    return failed(SIGN, "runs", MESSAGE, {"loss": 0.0})


def test_finding_is_told_whole() -> None:
    """What was found, where, what to do, the evidence, and where to read on: a line each, none wider than a screen."""
    evidence = {"loss": float("nan"), "names": ["model.layers.0"] * 100}
    told = tell(report(failed(SIGN, "runs", MESSAGE, evidence)), SIGN, [SIGN])

    lines = told.text.splitlines()
    assert lines[:3] == [
        "Expected a loss above 0, but got 0.0.",
        "Where: step 5.",
        "What to do: look at grad_norm.",
    ]
    assert lines[3].startswith('Evidence: {"loss": "nan", "names": ["model.layers.0",')
    assert lines[-2].endswith(" ...")
    assert lines[-1] == "See: unsilent explain zero-loss"
    assert max(map(len, lines)) <= WIDTH
    assert (told.status, told.line) == ("failed", "Expected a loss above 0, but got 0.0.")


def test_sign_stands_under_its_root() -> None:
    """The root tells of it; where both are asked about, the sign says where."""
    found = report(
        failed(ROOT, "runs", "Expected finite. Where: step 4.", {"n": 1}), failed(SIGN, "runs", MESSAGE, {"n": 1})
    )
    root, sign = (tell(found, slug, [ROOT, SIGN]) for slug in (ROOT, SIGN))

    assert "Its sign zero-loss: Expected a loss above 0, but got 0.0." in root.text.replace("\n   ", " ")
    assert (sign.status, sign.line) == ("skipped", "found as a sign of nan-grad-norm, and told there")


def test_sign_is_told_when_its_root_is_not_asked_about() -> None:
    """A narrow question is not answered with silence."""
    found = report(failed(ROOT, "runs", MESSAGE, {"n": 1}), failed(SIGN, "runs", MESSAGE, {"n": 1}))

    assert tell(found, SIGN, [SIGN]).status == "failed"


def test_sign_in_one_place_is_a_finding_in_another() -> None:
    """What is said of one of several adapters hides nothing of the others."""
    here = [failed(ROOT, "runs", MESSAGE, {"n": 1}), failed(SIGN, "runs", MESSAGE, {"n": 1})]
    found = report(*(dataclasses.replace(one, subject="a") for one in here), dataclasses.replace(here[1], subject="b"))
    told = tell(found, SIGN, [ROOT, SIGN])

    assert (told.status, told.line[:3], told.text.splitlines()[0]) == ("failed", "b: ", "in b")


def test_risk_fails_when_strict(risk: Outcome) -> None:
    """A finding of severity risk is told, and fails only where it is asked to."""
    assert tell(report(risk), SIGN, [SIGN]).status == "risk"
    assert tell(report(risk), SIGN, [SIGN], strict=True).status == "failed"


def test_passed_says_what_was_noticed() -> None:
    """One of several that could be looked at is enough; the same words are said once."""
    told = tell(report(passed(SIGN, "runs", "odd"), passed(SIGN, "runs", "odd"), skipped(SIGN, "runs", "no")), SIGN, [])

    assert (told.status, told.line) == ("passed", "odd")


def test_skipped_says_why() -> None:
    """Every reason, once."""
    told = tell(report(*(skipped(SIGN, "runs", reason) for reason in ("no loss", "no log", "no loss"))), SIGN, [])

    assert (told.status, told.line) == ("skipped", "no loss; no log")


def test_nothing_judged_is_a_failure() -> None:
    """A report in which nothing ran is not green."""
    told = unjudged("Expected a zip, but got \x1b. Where: x. What to do: again.")

    assert (told.status, told.line) == ("failed", "Expected a zip, but got \\x1b.")
    assert told.text == "Expected a zip, but got \\x1b.\nWhere: x.\nWhat to do: again."


def content(status: str, line: str = "") -> dict[str, object]:
    """What an item has sent."""
    return {"slug": SIGN, "severity": "error", "status": status, "line": line, "card": ["base         tiny"]}


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        (["passed", "failed", "skipped"], "failed"),
        (["passed", "skipped"], "passed"),
        (["risk", "skipped"], "passed"),
        (["skipped"], "undecided"),
    ],
    ids=["one failed", "one passed", "one risk", "all skipped"],
)
def test_verdict_is_the_reports(statuses: list[str], verdict: str) -> None:
    """As the program decides it."""
    assert summarise([content(status, "why") for status in statuses])[0] == verdict


def test_summary_is_the_programs() -> None:
    """The card, findings, what was fine, what was noticed, and what could not be looked at; briefly, findings alone."""
    contents = [
        content("passed"),
        content("passed", "odd"),
        content("failed", "Expected 1."),
        content("skipped", "no log"),
    ]

    assert summarise(contents[1:])[1] == [
        *["   base         tiny"] * 3,
        "   [error] zero-loss: Expected 1.",
        "   passed: zero-loss",
        "   noticed: odd",
        "   skipped: zero-loss (no log)",
    ]
    assert summarise(contents, brief=True)[1] == ["   [error] zero-loss: Expected 1."]
