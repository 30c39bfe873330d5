"""JUnit XML that is as red as the verdict, and well-formed whatever it quotes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import dossiers

from unsilent.dossier import Dossier
from unsilent.outcome import Report, failed, passed, skipped
from unsilent.report_junit import as_junit


def read(dossier: Dossier, *, strict: bool = False) -> ET.Element:
    """The root element."""
    return ET.fromstring(as_junit(dossier, strict=strict))  # noqa: S314 - our own


def test_suites_are_the_stages() -> None:
    """With counts that add up, seconds, and the moment."""
    root = read(dossiers.red())

    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [
        ("submission", "1"), ("adapter of sft", "2"), ("adapter of rft", "2"), ("runs of sft", "3"),
        ("wiring of sft", "1"), ("honesty of rft", "2"),
    ]  # fmt: skip
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "11", "failures": "2", "errors": "1", "skipped": "3", "time": "7.500",
    }  # fmt: skip
    assert root[0].get("timestamp") == "2026-11-21T22:40:00+00:00"


def test_finding_is_a_failure_with_its_evidence() -> None:
    """The short text as message, the whole as text, the rest as properties for programs."""
    case = next(one for one in read(dossiers.red()).iter("testcase") if one.find("failure") is not None)
    failure = case.find("failure")
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}

    assert failure is not None
    assert (case.get("classname"), case.get("name")) == ("unsilent.adapter of rft", "rft: adapter-untrained")
    assert failure.get("type") == "adapter-untrained"
    assert str(failure.get("message")).endswith("it was created and never trained.")
    assert str(failure.text).splitlines()[-1] == "See: unsilent explain adapter-untrained"
    assert properties["stage"] == "adapter"
    assert str(properties["evidence"]).startswith('{"zero": 210')


def test_sign_is_told_at_its_root() -> None:
    """One fault is one failure; the root says which signs it has."""
    cases = {str(one.get("name")): one for one in read(dossiers.red()).iter("testcase")}
    sign = cases["sft: zero-loss"].find("skipped")
    properties = {one.get("name"): one.get("value") for one in cases["sft: nan-grad-norm"].iter("property")}

    assert sign is not None
    assert sign.get("message") == "found as a sign of nan-grad-norm, and told there"
    assert (properties["symptoms"], properties["step"]) == ("zero-loss", "400")


def test_risk_is_told_and_fails_when_strict() -> None:
    """As the verdict does."""
    dossier = Dossier.of([Report("x", (failed("fp16-unguarded", "wiring", "Expected bf16.", {"scaler": None}),))])
    said = read(dossier).find("testsuite/testcase/system-out")

    assert said is not None
    assert str(said.text).startswith("risk: Expected bf16.\nscaler: none")
    assert (read(dossier).get("failures"), read(dossier, strict=True).get("failures")) == ("0", "1")


def test_what_was_not_judged_is_an_error_where_it_had_to_be() -> None:
    """A stage that nobody needs is a skipped case; one that is needed turns the file red."""
    outcome = skipped("zero-loss", "runs", "no log")
    for required, tag in ((True, "error"), (False, "skipped")):
        cases = read(Dossier("x", (dossiers.section("runs", "sft", outcome, required=required),)))[0]
        told = cases[-1].find(tag)

        assert cases[-1].get("name") == "runs of sft is judged"
        assert told is not None
        assert told.get("message") == "what has to be looked at could not be"


def test_noticed_is_kept() -> None:
    """What a passed check said."""
    said = read(Dossier.of([Report("x", (passed("lr-zero", "guard", "odd"),))])).find("testsuite/testcase/system-out")

    assert said is not None
    assert said.text == "odd"


def test_text_of_others_breaks_no_xml() -> None:
    """Neither markup nor characters that XML does not know."""
    root = read(dossiers.evil())

    assert root.get("failures") == "1"
    assert root.find(".//script") is None
