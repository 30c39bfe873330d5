"""A dossier adds up: one verdict over several sections, one fault one finding, whichever stage found it."""

from __future__ import annotations

import json
import math

import pytest

from unsilent.dossier import Curve, Dossier, Measured, Section, UpdateNorms
from unsilent.outcome import Card, Outcome, Report, failed, passed, skipped

FINE = passed("lr-zero", "guard")
FOUND = failed("nan-grad-norm", "runs", "Expected finite.", {"n": 1})
SIGN = failed("zero-loss", "runs", "Expected a loss.", {"n": 1})
RISK = failed("fp16-unguarded", "wiring", "fp16 without a scaler", {"scaler": None})
SKIPPED = skipped("lr-zero", "guard", "no rate seen")


def section(*outcomes: Outcome, part: str = "", required: bool = False, reason: str = "") -> Section:
    """A section with these outcomes."""
    return Section("runs", part, Report("run", outcomes), 1.0, required=required, reason=reason)


@pytest.mark.parametrize(
    ("sections", "verdict"),
    [
        ([section(FINE), section(FOUND)], "failed"),
        ([section(FINE, required=True), section(SKIPPED)], "passed"),
        ([section(FINE), section(SKIPPED, required=True)], "undecided"),
        ([section(FINE), section(FINE, required=True, reason="no adapter")], "undecided"),
        ([section(FOUND), section(SKIPPED, required=True)], "failed"),
        ([section(SKIPPED)], "undecided"),
        ([], "undecided"),
        ([section(RISK)], "passed"),
    ],
    ids=["failed", "optional skip", "required skip", "no run", "both", "all skipped", "none", "risk"],
)  # fmt: skip
def test_sections_add_up(sections: list[Section], verdict: str) -> None:
    """A finding beats all; what is required has to run; nothing at all is not green."""
    assert Dossier("x", tuple(sections)).verdict() == verdict


def test_risk_counts_when_strict() -> None:
    """As in a report."""
    dossier = Dossier("x", (section(RISK),))

    assert (dossier.exit_status(), dossier.exit_status(strict=True)) == (0, 1)


def test_sign_stands_under_its_root_of_another_stage() -> None:
    """What one stage finds is under what another found of the same part, and beside what is another part's."""
    sections = (section(SIGN, part="sft"), section(FOUND, part="sft"), section(SIGN, part="rft"))
    found = Dossier("x", sections).findings

    assert [(one.subject, one.slug, one.symptoms) for one in found] == [
        ("sft", "nan-grad-norm", ("zero-loss",)),
        ("rft", "zero-loss", ()),
    ]


def test_errors_come_before_risks() -> None:
    """Whoever reads one line reads the one that failed it."""
    assert [one.slug for one in Dossier("x", (section(RISK), section(FOUND))).findings] == [
        "nan-grad-norm",
        "fp16-unguarded",
    ]


@pytest.mark.parametrize(
    ("sign", "value", "is_met"),
    [
        (">", 0.4, False),
        (">", 0.41, True),
        ("<", 60.0, False),
        ("<", 59.9, True),
        ("<=", 380e6, True),
        ("<=", math.nan, False),
    ],
)
def test_bound_is_met_as_its_sign_says(sign: str, value: float, is_met: bool) -> None:  # noqa: FBT001
    """A value on the bound meets ``<=`` alone; what was not measured meets none."""
    bound = {">": 0.4, "<": 60.0, "<=": 380e6}[sign]

    assert Measured("x", "sft", value, bound, sign, "the grader").is_met is is_met  # type: ignore[arg-type] # a parameter


def test_json_is_the_contracts_and_more() -> None:
    """A report's keys come first; what there is to draw follows in plain values."""
    dossier = Dossier(
        "homework",
        (Section("runs", "sft", Report("run", (FINE,), (Card({"rank": 4}, ("rank 4",)),)), 1.23456),),
        measured=(Measured("accuracy", "sft", math.nan, 0.4, ">", "the grader"),),
        curves=(Curve("sft", (1, 2), (1.0, None), (0.5, None), faulty_step=2),),
        norms=(UpdateNorms("sft", ("q_proj",), (0,), ((1.5,),)),),
        scores={"sft": {"worst": []}},
        notes=("judged adapters and logs only",),
        created="2026-11-21T00:00:00+00:00",
    )
    content = json.loads(dossier.as_json())

    assert list(content) == [
        *("schema_version", "subject", "verdict", "outcomes", "versions", "sections", "cards", "bounds", "curves"),
        *("update_norms", "scores", "notes", "created"),
    ]
    assert content["sections"] == [
        {"stage": "runs", "part": "sft", "subject": "run", "verdict": "passed", "seconds": 1.235, "required": False,
         "reason": ""}
    ]  # fmt: skip
    assert content["outcomes"][0]["subject"] == "sft"
    assert (content["bounds"][0]["value"], content["bounds"][0]["is_met"]) == ("nan", False)
    assert content["curves"][0]["loss"] == [1.0, None]


def test_update_norms_come_from_the_cards() -> None:
    """Of one adapter under its part, of several under their folders' names; a card without them has none."""
    content = {"update_norms": {"names": ["q"], "layers": [0, 1], "values": [["nan", None]]}, "folder": "a/b"}
    card, other = Card(content, ()), Card({"rank": 4}, ())
    (norms,) = Dossier.of([Report("run", (FINE,), (card,))]).norms

    assert (norms.part, norms.names, norms.layers, norms.values[0][1]) == ("", ("q",), (0, 1), None)
    assert math.isnan(norms.values[0][0] or 0)
    assert [one.part for one in UpdateNorms.of("sft", (card, other))] == ["sft/b"]
    assert UpdateNorms.of("", (other,)) == ()


def test_one_plain_report_says_what_it_said() -> None:
    """Nothing is put before its outcomes' subjects, and its JSON begins with the report's own."""
    report = Report("run", (FINE, SKIPPED))
    content, own = json.loads(Dossier.of([report]).as_json()), json.loads(report.as_json())

    assert {name: content[name] for name in own} == own


def test_several_plain_reports_are_told_apart() -> None:
    """Each has to be decided, and each outcome says whose it is; the worst counts."""
    reports = [Report("a", (FINE,)), Report("b", (SKIPPED,)), Report("c", ())]
    dossier = Dossier.of(reports)

    assert [(one.subject, one.status) for one in dossier.outcomes] == [("a", "passed"), ("b", "skipped")]
    assert (dossier.subject, dossier.verdict(), Dossier.of(reports[:1]).verdict()) == ("a, b, c", "undecided", "passed")
