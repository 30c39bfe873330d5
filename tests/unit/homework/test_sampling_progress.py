"""How far sampling is, is said once: by a bar, or by lines."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from homework.sampling_progress import LINES, Progress

if TYPE_CHECKING:
    import pytest


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And no lines; elsewhere it is the other way round."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = Progress(1, 2, 4)
    shown.count(3)
    shown.count(0)
    shown.close()

    assert "round 1: 100%" in terminal.getvalue()
    assert "37.5% of samples kept, 1 questions with a row" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_log_gets_ten_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """However many questions there are; each says how far, how many were kept, and the time left."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    shown = Progress(2, 35, 4)
    for _ in range(35):
        shown.count(1)
    shown.close()
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == LINES
    assert lines[0].startswith("round 2: 4 of 35 questions, 25.0% of samples kept, 4 questions with a row, ")
    assert lines[-1] == "round 2: 35 of 35 questions, 25.0% of samples kept, 35 questions with a row, 0 s left"
