"""What a run took is counted once it is over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from homework import consumption
from homework.consumption import begin_counting, consumed

if TYPE_CHECKING:
    import pytest

CPU = torch.device("cpu")
ITEMS = [{"input_ids": [1] * length} for length in (3, 5, 7)]


def test_tokens_of_the_rows_trained_on_count() -> None:
    """Two rows of 3 and 5 tokens in two seconds are four tokens a second; the third row was not reached."""
    begin_counting(CPU)
    took = consumed(ITEMS, 2, 2.0, CPU)

    assert (took.tokens, took.tokens_per_second, took.seconds) == (8, 4.0, 2.0)


def test_last_step_may_be_short() -> None:
    """More rows than there are is what a last, partial step looks like."""
    assert consumed(ITEMS, 4, 1.0, CPU).tokens == 15


def test_memory_is_that_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU the largest resident set is read where Linux says it, and the words say what it is."""
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t 2000000 kB\n")
    monkeypatch.setattr(consumption, "STATUS", tmp_path / "status")
    took = consumed(ITEMS, 3, 3.0, CPU)

    assert took.peak_memory_bytes == 2_048_000_000
    assert took.words == (
        "5 tokens a second (15 without padding in 3.0 s), peak memory 2.05 GB (resident set of the whole process)"
    )


def test_unknown_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says how much a process held, no figure is made up."""
    monkeypatch.setattr(consumption, "STATUS", tmp_path / "none")
    took = consumed(ITEMS, 3, 0.0, CPU)

    assert (took.peak_memory_bytes, took.memory_of) == (None, "not said by this system")
    assert "peak memory unknown" in took.words


def test_gpu_says_what_it_held_since_the_run_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CUDA the count begins with the run, and torch says the most that was allocated."""
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: asked.append(str(device)))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3_000_000_000)
    begin_counting(torch.device("cuda"))
    took = consumed(ITEMS, 3, 1.0, torch.device("cuda"))

    assert asked == ["cuda"]
    assert (took.peak_memory_bytes, took.memory_of) == (
        3_000_000_000,
        "allocated by torch on the GPU since the run began",
    )
