"""Summary and annotations for GitHub: they say it all, and nothing they quote is taken for Markdown or a command."""

from __future__ import annotations

import re

import dossiers
import pytest

from unsilent.dossier import Dossier
from unsilent.outcome import Report, failed
from unsilent.report_github import as_annotations, as_summary, literal


def test_summary_says_it_all() -> None:
    """Verdict, note, findings with evidence and signs, bounds and stages."""
    text = as_summary(dossiers.red())

    assert text.startswith("## ❌ homework: failed\n\n> No source of questions is named&#58; the probe")
    assert "### ❌ `nan-grad-norm` in sft" in text
    assert "<br>**What to do:** look at that batch." in text
    assert "- its sign `zero-loss`: Expected a loss above 0, but got 0.0." in text
    assert "- at: step 400, grad&#95;norm nan" in text
    assert (
        "| ✅ | sft accuracy | 0.700 (0.604-0.781) | &#62; 0.4 | 0.741 &#40;0.713-0.767&#41; on all 1000 rows |" in text
    )
    assert "| ❌ | sft seconds | 72.5 | &#60; 60 | the course's grader |" in text
    assert "| ❔ | honesty of rft |  | it did not load |" in text


def test_green_summary_is_short() -> None:
    """No finding, no heading for one."""
    assert "###" not in as_summary(dossiers.green())


def test_text_of_others_is_no_markdown() -> None:
    """No link, image, mention, tag, table cell or line of its own comes from it."""
    text = re.sub(r"&#\d+;", "", as_summary(dossiers.evil()))

    assert not re.search(r"https?:|e\.vil/|@|!\[|<script|<img|\x1b|\u202e", text)
    assert all(line.count("|") in (0, 5, 6) for line in text.splitlines())


def test_literal_keeps_what_is_plain() -> None:
    """Letters of any script, digits, and the commonest marks stay readable; a line break becomes a blank."""
    assert literal("it's é 1.5,\n-x *a*") == "it's é 1.5, -x &#42;a&#42;"


def test_each_finding_is_an_annotation() -> None:
    """Errors as errors, risks as warnings, and what had to be judged and was not."""
    lines = as_annotations(dossiers.red())

    assert [line.partition("::Expected")[0] for line in lines] == [
        "::error title=nan-grad-norm in sft",
        "::error title=adapter-untrained in rft",
        "::warning title=fp16-unguarded in sft",
        "::error title=honesty of rft was not judged::it did not load",
    ]
    assert as_annotations(dossiers.red(), strict=True)[2].startswith("::error ")
    assert as_annotations(dossiers.green()) == []


@pytest.mark.parametrize(
    ("evidence", "place"),
    [
        ({"file": "a,b:c%.py", "line": 3}, "file=a%2Cb%3Ac%25.py,line=3,"),
        ({"file": "a.py", "line": "x"}, "file=a.py,"),
        ({"line": 3}, ""),
    ],
    ids=["file and line", "file", "line alone"],
)
def test_annotation_stands_at_its_file(evidence: dict[str, object], place: str) -> None:
    """Where the evidence names one; what would end the property is escaped."""
    found = failed("answer-lookup", "honesty", "Expected 100%.\nWhere: x.", evidence)

    assert as_annotations(Dossier.of([Report("x", (found,))])) == [
        f"::error {place}title=answer-lookup::Expected 100%25. Where: x."
    ]


def test_text_of_others_begins_no_command() -> None:
    """Each annotation is one line, and one command."""
    for line in as_annotations(dossiers.evil()):
        assert len(line.splitlines()) == 1
        assert line.startswith("::error title=")
        assert "\x1b" not in line
