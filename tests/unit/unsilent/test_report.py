"""A report as text: the verdict first, 80 columns, understood without colour, and harmless whatever it quotes."""

from __future__ import annotations

import io
import math
import sys

import dossiers
import pytest

from unsilent.dossier import Dossier, Measured, Section
from unsilent.outcome import Card, Report, failed, passed, skipped
from unsilent.report import count_checks, describe, evidence_of, figure, harmless, measure, show


def text(dossier: Dossier, *, strict: bool = False) -> list[str]:
    """What is printed."""
    return "\n".join(line.text for line in describe(dossier, strict=strict)).splitlines()


def test_plain_report_is_printed_as_a_whole() -> None:
    """Verdict, card, finding with evidence and signs, what was fine, noticed, skipped."""
    nan = failed("nan-grad-norm", "runs", "Expected 1. Where: here. What to do: look.", {"at": {"step": 2}, "n": 0.5})
    zero = failed("zero-loss", "runs", "Expected 2. Where: there.", {"n": 1})
    others = (passed("nan-masked", "runs", "odd"), skipped("loss-diverging", "runs", "too short"))
    report = Report("run", (nan, zero, *others), (Card({}, ("rank         4",)),))

    assert text(Dossier.of([report])) == [
        "run: failed",
        "   rank         4",
        "   [error] nan-grad-norm (also: zero-loss): Expected 1. Where: here. What to do:",
        "      look.",
        "      evidence: at step 2; n 0.5",
        "      zero-loss: Expected 2.",
        "   passed: nan-masked",
        "   noticed: odd",
        "   skipped: loss-diverging (too short)",
    ]


def test_several_reports_follow_each_other() -> None:
    """Each with its own verdict."""
    reports = [Report("a", (passed("lr-zero", "guard"),)), Report("b", (skipped("lr-zero", "guard", "none"),))]

    assert [line for line in text(Dossier.of(reports)) if not line.startswith(" ")] == ["a: passed", "b: undecided"]


def test_gate_is_told_from_the_verdict_down() -> None:
    """Verdict, notes, bounds, stages, findings, and stage by stage what was looked at."""
    lines = text(dossiers.red())

    assert lines[1] == "   No source of questions is named: the probe with new questions was left out."
    assert [line for line in lines if line and not line.startswith(" ")] == [
        *("homework: failed", "bounds", "stages", "findings", "what was looked at")
    ]
    assert "   met  sft accuracy                    0.700  > 0.4           (0.604-0.781)" in lines
    assert "        0.741 (0.713-0.767) on all 1000 rows" in lines
    assert "   NOT  sft seconds                      72.5  < 60" in lines
    assert "        the bound: the course's grader" in lines
    assert "   met  sft parameters            139,399,488 <= 380,000,000" in lines
    assert "   adapter of rft        failed       1.2 s   1 failed, 1 passed" in lines
    assert "   wiring of sft         passed       1.2 s   1 risk" in lines
    assert "   honesty of rft        undecided    1.2 s   1 skipped, required" in lines
    assert "   sft: [error] nan-grad-norm (also: zero-loss): Expected a finite grad_norm and" in lines
    assert "   passed in adapter of sft: adapter-untrained, adapter-corrupt" in lines
    assert "   skipped: honesty of rft (it did not load)" in lines


def test_stage_that_is_not_required_says_so() -> None:
    """It does not count against green."""
    dossier = Dossier("x", (dossiers.section("runs", "", skipped("zero-loss", "runs", "no log"), required=False),))

    assert any(line.endswith("1 skipped, not required") for line in text(dossier))


@pytest.mark.parametrize("make", [dossiers.red, dossiers.green, dossiers.evil])
def test_80_columns_are_enough(make: object) -> None:
    """But for a name that has no place to be broken."""
    assert callable(make)
    for line in text(make()):
        assert len(line) <= 80 or len(max(line.split(), key=len)) > 30


def test_text_of_others_steers_nothing() -> None:
    """No line begins with a command to GitHub's runner, none holds an escape, a control or a turned text."""
    lines = text(dossiers.evil())

    assert all(line.isprintable() for line in lines)
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  ::error::x", "  \\x3a:error::x"),
        ("a ##[error]b", "a \\x23#[error]b"),
        ("a::b # [c]", "a::b # [c]"),
    ],
)
def test_runner_commands_are_defused(line: str, shown: str) -> None:
    """At the beginning of a line, blanks or not; the older form anywhere. Other colons stay."""
    assert harmless(line) == shown


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_terminal_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words, with a colour around the verdict; a pipe gets none."""
    screen, pipe = Terminal(), io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for stream in (screen, pipe):
        monkeypatch.setattr(sys, "stdout", stream)
        show(dossiers.green())

    assert screen.getvalue().startswith("\x1b[1;32mhomework: passed\x1b[0m\n")
    assert pipe.getvalue().startswith("homework: passed\n")
    assert len(screen.getvalue().splitlines()) == len(pipe.getvalue().splitlines())


def test_markup_in_a_name_is_no_style(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich takes [red] for a colour where it is let."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    show(Dossier.of([Report("[red]x[/red]", (passed("lr-zero", "guard"),))]))

    assert "[red]x[/red]: passed" in screen.getvalue()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.7, "0.7"),
        (0.123456, "0.1235"),
        (60.0, "60"),
        (380e6, "380,000,000"),
        (9999, "9999"),
        (math.nan, "not measured"),
        (-math.inf, "-inf"),
    ],
)
def test_figures_are_readable(value: float, words: str) -> None:
    """Commas in large whole numbers, four digits of others."""
    assert figure(value) == words


def test_share_has_the_digits_of_its_interval() -> None:
    """0.700 (0.604-0.781), not 0.7."""
    one = Measured("accuracy", "", 0.7, 0.4, ">", "x", (0.604, 0.781))

    assert measure(one) == "0.700"
    assert measure(Measured("accuracy", "", math.nan, 0.4, ">", "x", (0.0, 1.0))) == "not measured"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.123456789, "0.123457"),
        (407, "407"),
        (None, "none"),
        (True, "yes"),
        (False, "no"),
        ([], "none"),
        ((1, 2.5, "a\nb"), "1, 2.5, a b"),
        ({"loss": math.nan, "at": [1, 2]}, "loss nan, at (1, 2)"),
        ([{"step": 1}, {}], "(step 1), ()"),
        ("x " * 400, "x " * 118 + "..."),
    ],
    ids=str,
)
def test_evidence_is_told_in_words(value: object, words: str) -> None:
    """Names and values, brackets around what stands inside; of what is long the beginning."""
    assert evidence_of(failed("lr-zero", "guard", "m", {"first_step": value})) == [("first step", words)]


def test_strict_makes_a_risk_a_failure() -> None:
    """Counted with the failed ones."""
    risk = Section("wiring", "", Report("x", (failed("fp16-unguarded", "wiring", "m", {"x": 1}),)), 0.0)

    assert (count_checks(risk, strict=False), count_checks(risk, strict=True)) == ("1 risk", "1 failed")
