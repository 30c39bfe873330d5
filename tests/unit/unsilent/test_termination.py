"""SIGTERM ends a program as Ctrl-C does: with everything put away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import gated
import pytest

from unsilent.termination import EXIT_TERMINATED, note_signals, tidy_on_sigterm

ROOT = Path(__file__).parents[3]
PATIENCE = 60  # seconds until a program has begun, or ended: it takes two on an idle machine


def terminated(program: list[str], cwd: Path, scratch: Path) -> int:
    """Start a program, end it as soon as it has made a scratch folder, and give its status."""
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", *program],
        cwd=cwd,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not list(scratch.glob("unsilent-*/*")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert list(scratch.glob("unsilent-*/*")), "it made no scratch folder"
        process.terminate()
        return process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "program",
    ["gate", "check honesty homework:load_sft --folder homework"],
    ids=["gate", "check"],
)
def test_program_that_is_terminated_leaves_nothing(tmp_path: Path, program: str) -> None:
    """It has copied the subject, and waits for it to be imported."""
    subject = gated.write_subject(tmp_path / "project").subject
    (subject / "__init__.py").write_text(f"import time\ntime.sleep({2 * PATIENCE})\ndef load_sft(): ...\n")
    status = terminated(["unsilent", *program.split()], subject.parent, tmp_path / "scratch")

    assert list((tmp_path / "scratch").glob("unsilent-*")) == []
    assert status == EXIT_TERMINATED == 143


def test_second_signal_does_not_interrupt_the_tidying_up() -> None:
    """And afterwards the signal means what it did before."""
    put_away = []

    def program() -> None:
        with tidy_on_sigterm():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                put_away.append("all of it")

    with pytest.raises(SystemExit) as ended:
        program()

    assert (ended.value.code, put_away) == (EXIT_TERMINATED, ["all of it"])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_signal_that_is_ignored_stays_ignored() -> None:
    """Somebody has decided so."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with tidy_on_sigterm():
            signal.raise_signal(signal.SIGTERM)
        kept = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert kept is signal.SIG_IGN


def test_other_threads_are_left_alone() -> None:
    """Only the main one can set a handler."""
    seen = []

    def work() -> None:
        with tidy_on_sigterm():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [signal.SIG_DFL]


@pytest.mark.parametrize(
    ("number", "ends_as"),
    [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_signal_is_noted_and_obeyed_later(number: signal.Signals, ends_as: type[BaseException]) -> None:
    """Nothing is interrupted; ended is as the signal would have ended it, and what it means is as before."""
    before = signal.getsignal(number)
    with note_signals() as told:
        untold = told.signal
        signal.raise_signal(number)

    with pytest.raises(ends_as):
        told.end()
    assert (untold, told.signal) == (0, number)
    assert signal.getsignal(number) is before


def test_second_signal_ends_a_program_at_once() -> None:
    """Within a program as its command line runs it: with everything put away, and status 143."""
    done = []

    def program() -> None:
        with tidy_on_sigterm(), note_signals():
            signal.raise_signal(signal.SIGTERM)
            done.append("the step")
            signal.raise_signal(signal.SIGTERM)
            done.append("another step")

    with pytest.raises(SystemExit) as ended:
        program()

    assert (ended.value.code, done) == (143, ["the step"])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_handler_of_somebody_else_is_not_replaced() -> None:
    """Who handles a signal already knows why."""
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("theirs"))
    try:
        with note_signals() as told:
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert (seen, told.signal) == (["theirs"], 0)


def test_signals_cannot_be_noted_in_other_threads() -> None:
    """There a loop goes on as it did, and the process ends as before."""
    seen = []

    def work() -> None:
        with note_signals() as told:
            seen.append((told.signal, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [(0, signal.SIG_DFL)]
