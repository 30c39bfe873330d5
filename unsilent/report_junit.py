"""A dossier as JUnit XML, which every CI server can show: a suite for each stage, a case for each check.

The file is as red as the verdict: a finding is a ``failure``, a stage that had to run and did not an ``error``; a risk
is a passed case that says so, unless risks count.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from .outcome import fold_symptoms, printable
from .report import evidence_of, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .dossier import Dossier, Section
    from .outcome import Outcome


def as_junit(dossier: Dossier, *, strict: bool = False) -> str:
    """Write a dossier as one ``testsuites`` element."""
    root = ET.Element("testsuites", name=printable(f"unsilent {dossier.subject}"))
    roots = {(root.subject, sign): root.slug for root in fold_symptoms(dossier.outcomes) for sign in root.symptoms}
    for section in dossier.sections:
        root.append(_suite(dossier, section, roots, strict=strict))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{sum(section.seconds for section in dossier.sections):.3f}")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(dossier: Dossier, section: Section, roots: Mapping[tuple[str, str], str], *, strict: bool) -> ET.Element:
    name = name_of(section)
    suite = ET.Element("testsuite", name=name, time=f"{section.seconds:.3f}")
    if dossier.created:
        suite.set("timestamp", printable(dossier.created))
    for outcome in section.outcomes:
        case = ET.SubElement(suite, "testcase", classname=f"unsilent.{name}", name=_name(outcome), time="0.000")
        signs = [sign for (subject, sign), root in roots.items() if (subject, root) == (outcome.subject, outcome.slug)]
        root = roots.get((outcome.subject, outcome.slug))
        _tell(case, dataclasses.replace(outcome, symptoms=tuple(signs)), root, strict=strict)
    if section.verdict(strict=strict) == "undecided":
        case = ET.SubElement(suite, "testcase", classname=f"unsilent.{name}", name=f"{name} is judged", time="0.000")
        reason = printable(section.reason or "what has to be looked at could not be")
        ET.SubElement(case, "error" if section.required else "skipped", message=reason)
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    return suite


def _name(outcome: Outcome) -> str:
    return printable(f"{outcome.subject}: {outcome.slug}" if outcome.subject else outcome.slug)


def _tell(case: ET.Element, outcome: Outcome, root: str | None, *, strict: bool) -> None:
    if outcome.status == "skipped":
        ET.SubElement(case, "skipped", message=printable(outcome.reason))
    elif outcome.status == "passed":
        _say(case, outcome.message)
    elif root:
        ET.SubElement(case, "skipped", message=f"found as a sign of {root}, and told there")
    else:
        _add_properties(case, outcome)
        lines = [outcome.message, *(f"{name}: {text}" for name, text in evidence_of(outcome))]
        text = "\n".join(printable(line) for line in (*lines, f"See: unsilent explain {outcome.slug}"))
        if strict or outcome.failure.severity == "error":
            short = printable(outcome.message.partition(" Where: ")[0])
            ET.SubElement(case, "failure", type=outcome.slug, message=short).text = text
        else:
            _say(case, f"risk: {text}")


def _say(case: ET.Element, text: str) -> None:
    if text:
        ET.SubElement(case, "system-out").text = "\n".join(map(printable, text.split("\n")))


def _add_properties(case: ET.Element, outcome: Outcome) -> None:
    """What programs read of a finding."""
    content = outcome.as_json()
    told = {name: content[name] for name in ("failure", "stage", "severity", "step") if content[name]}
    told |= {"symptoms": ", ".join(outcome.symptoms)} if outcome.symptoms else {}
    told["evidence"] = json.dumps(content["evidence"], default=str)
    properties = ET.SubElement(case, "properties")
    for name, value in told.items():
        ET.SubElement(properties, "property", name=name, value=printable(str(value)))
