"""The gate says what it does: plain lines for a log, one that moves for a terminal, all of it on stderr."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from unsilent.dossier import Section
from unsilent.gate_progress import Silent, line_of, shown
from unsilent.outcome import Report, failed, passed

if TYPE_CHECKING:
    import pytest

SECTION = Section("adapter", "sft", Report("x", (passed("adapter-empty", "adapter"),)), 1.25)


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One when a stage begins, one when it ends; nothing on stdout, and nothing that steers a terminal."""
    with shown() as progress:
        progress.begin("adapter of \x1b[2J")
        progress.end(SECTION)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == ["gate: adapter of \\x1b[2J ...", "gate: adapter sft      passed      1.2 s"]


def test_risk_is_shown_as_it_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Strictly it has failed."""
    seen = failed("fp16-unguarded", "wiring", "Expected a scaler.", {"dtype": "fp16"})
    for strict in (False, True):
        with shown(strict=strict) as progress:
            progress.end(Section("runs", "", Report("x", (seen,)), 1.0))

    assert [line.split()[2] for line in capsys.readouterr().err.splitlines()] == ["passed", "failed"]


def test_line_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the stages that have ended stay above it; brackets are no markup."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with shown() as progress:
        progress.begin("runs [bold]")
        progress.end(SECTION)

    assert line_of(SECTION) in screen.getvalue()


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever calls the gate from Python hears nothing."""
    Silent().begin("x")
    Silent().end(SECTION)

    assert capsys.readouterr() == ("", "")


def test_other_commands_have_their_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads a log sees which one speaks."""
    with shown(name="submission") as progress:
        progress.begin("sft")

    assert capsys.readouterr().err == "submission: sft ...\n"
