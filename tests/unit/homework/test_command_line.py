"""Functions and dataclasses become commands; wrong use is one paragraph."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

import pytest
import typer

from homework import command_line
from homework.configuration import option
from homework.errors import BadInput, OptionInvalid
from homework.processes import OF_THIS_RANK, SAID
from unsilent.outcome import FailureFound, failed


@dataclass(frozen=True)
class Settings:
    """Two options."""

    output_dir: str = option("here", "where to")
    dry_run: bool = option(False, "do nothing")


def start(settings: Settings, rows: int = 3) -> int:
    """Print what was understood."""
    print(settings, rows)
    return 7


def run(monkeypatch: pytest.MonkeyPatch, commands: Any, *arguments: str) -> int:  # noqa: ANN401
    """Call the program with these arguments."""
    monkeypatch.setattr("sys.argv", ["program", *arguments])
    return command_line.call(commands, prog="homework.x")


@pytest.mark.parametrize(
    "arguments", [("--output_dir", "a", "--dry_run", "--rows=5"), ("--output-dir=a", "--dry-run", "--rows", "5")],
    ids=["underscores", "dashes"],
)  # fmt: skip
def test_options_take_both_spellings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Every field is an option, with underscores or dashes; the function's number is the exit status."""
    assert run(monkeypatch, start, *arguments) == 7
    assert capsys.readouterr().out == "Settings(output_dir='a', dry_run=True) 5\n"


def test_values_keep_their_dashes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Only option names are normalised, never their values."""
    run(monkeypatch, start, "--output_dir", "a-b_c-d")

    assert "a-b_c-d" in capsys.readouterr().out


def test_help_lists_every_option(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The help names each option and ends with 0."""
    assert run(monkeypatch, {"start": start}, "start", "--help") == 0

    printed = capsys.readouterr().out
    assert "--output_dir" in printed
    assert "where to" in printed


def test_wrong_use_is_a_paragraph(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown option ends with 2 and says where help is."""
    assert run(monkeypatch, start, "--outputdir", "x") == 2
    assert "see python -m homework.x --help" in capsys.readouterr().err


def test_bad_input_is_a_paragraph(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A BadInput of the function becomes its text and status 2."""

    def fails() -> None:
        raise BadInput(expected="a", got="b", where="c", action="d")

    assert run(monkeypatch, fails) == 2
    assert capsys.readouterr().err == "error: Expected a, but got b. Where: c. What to do: d.\n"


def test_other_errors_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours keeps its traceback."""

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(monkeypatch, broken)


def test_interrupt_is_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Control-C ends with the shell's usual status."""

    def stopped() -> None:
        raise typer.Abort

    assert run(monkeypatch, stopped) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_run_that_a_check_stopped_ends_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Apart from wrong use: nothing was wrong with the command."""

    def stopped() -> None:
        raise FailureFound(failed("lr-zero", "guard", "Expected a rate above 0.", {"lr": 0}, step=1))

    assert run(monkeypatch, stopped) == 1
    assert capsys.readouterr().err.startswith("error: [lr-zero] Expected a rate above 0. See: unsilent explain")


def test_run_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """run() exits with what call() returns; nothing returned is success."""
    monkeypatch.setattr("sys.argv", ["program"])
    with pytest.raises(SystemExit) as ended:
        command_line.run(lambda: None, prog="homework.x")

    assert ended.value.code == 0


def test_program_that_is_terminated_tidies_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM raises SystemExit while a command runs, so that whatever it has made is put away."""
    put_away = []

    def command() -> None:
        """Be told to end."""
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            put_away.append("all of it")

    monkeypatch.setattr("sys.argv", ["program"])
    with pytest.raises(SystemExit) as ended:
        command_line.run(command, prog="program")

    assert (ended.value.code, put_away) == (143, ["all of it"])


def test_what_rank_0_has_said_is_not_said_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is the same on every rank."""

    def stop() -> None:
        error = BadInput(expected="a", got="b", where="c", action="d")
        error.add_note(SAID)
        raise error

    assert run(monkeypatch, {"go": stop}, "go") == 2
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("rank", "said"), [(0, 1), (1, 0)], ids=["first", "second"])
@pytest.mark.parametrize("arguments", [("--rows", "many"), ("--rows", "0")], ids=["use", "option"])
def test_wrong_options_are_said_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    rank: int,
    said: int,
) -> None:
    """All processes read one line; the others let rank 0 speak before a launcher ends it."""

    def refuse(rows: int) -> None:
        raise OptionInvalid(expected="rows", got=str(rows), where="--rows", action="give some")

    waited: list[float] = []
    monkeypatch.setattr("homework.command_line.time.sleep", waited.append)
    for name, value in {"WORLD_SIZE": 2, "RANK": rank, "LOCAL_RANK": rank}.items():
        monkeypatch.setenv(name, str(value))

    assert run(monkeypatch, refuse, *arguments) == 2
    assert (capsys.readouterr().err.count("error: Expected"), len(waited)) == (said, 1 - said)


def test_what_one_rank_alone_meets_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As a GPU that is not there for the third process; and an environment from which no rank can be read."""

    def refuse() -> None:
        error = OptionInvalid(expected="a GPU", got="none", where="LOCAL_RANK", action="start fewer")
        error.add_note(OF_THIS_RANK)
        raise error

    for name, value in {"WORLD_SIZE": 2, "RANK": 1, "LOCAL_RANK": 1}.items():
        monkeypatch.setenv(name, str(value))
    first = run(monkeypatch, refuse)
    monkeypatch.setenv("RANK", "7")

    assert (first, run(monkeypatch, refuse)) == (2, 2)
    said = capsys.readouterr().err
    assert "Expected a GPU" in said
    assert "Expected RANK, WORLD_SIZE and LOCAL_RANK" in said
