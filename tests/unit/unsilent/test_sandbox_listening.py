"""What comes from behind the walls is limited, and believed no more than a stranger's text."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from typing import Any

import pytest

from unsilent import sandbox_tree
from unsilent.sandbox_cage import Cage
from unsilent.sandbox_listening import Child, Listener, Told, plain_answers


def heard(code: str, cage: Cage | None = None, seconds: float = 20.0, limit: float | None = None) -> Child:
    """Listen to a Python that is behind no walls at all."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", f"import os, time\n{code}"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            return Listener(process, seconds, lambda _: limit, cage).listen("question")
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("code", "cage", "error"),
    [
        ("while True: os.write(1, b' ' * 10**5)", Cage(told=10**6), "it told more than 1 MB"),
        ("while True: os.write(1, b'\\n' * 10**5)", Cage(lines=1000), "it told more than 1000 lines"),
        ("while True: os.write(2, b'x' * 10**5)", Cage(printed=10**6), "it printed more than 1 MB"),
        (
            "while True: time.sleep(0.02); print('{}', flush=True)",
            Cage(seconds=0.5),
            "still running after 0.5 s in all",
        ),
    ],
    ids=["told", "lines", "printed", "time"],
)
def test_limits_of_a_cage(code: str, cage: Cage, error: str) -> None:
    """Each ends it, and is said; more time is not granted beyond them."""
    assert heard(code, cage, limit=20.0).error == f"it was ended: {error}"


def test_memory_of_a_cage(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the tree is added up."""
    monkeypatch.setattr(sandbox_tree, "held_by", lambda _: (2 * 10**9, 1))

    assert heard("time.sleep(60)", Cage(memory=10**9)).error == "it was ended: it took more than 1 GB of memory"


def test_silence_is_no_end() -> None:
    """Whoever closes its pipes is waited for, as long as it may take."""
    assert heard("os.closerange(0, 9)\ntime.sleep(0.4)\nos._exit(3)").error == "the process ended with 3"
    assert heard("os.closerange(0, 9)\ntime.sleep(60)", seconds=0.5).error == "it was ended: still running after 0.5 s"


@pytest.mark.parametrize(
    ("told", "held"),
    [
        ([], ()),
        ([{"protections": ["a"]}, {"protections": ["b"]}], ("a",)),
        ([{"found": 1}, {"protections": ["b"]}], ()),
        ([{"protections": "all"}], ()),
    ],
    ids=["nothing", "the first", "not the second", "no list"],
)
def test_protections_are_of_the_first_line(told: list[dict[str, Any]], held: tuple[str, ...]) -> None:
    """Whoever has run by then may say what it likes."""
    child = Child(tuple(Told(0.0, one) for one in told), "", "", 1.0)

    assert child.protections == held
    assert child.missing == ()


def test_missing_is_of_the_first_line() -> None:
    """Nobody can pretend not to have been run."""
    lines = ({"protections": [], "missing": ["limits"]}, {"missing": ["more"]})

    assert Child(tuple(Told(0.0, one) for one in lines), "", "", 1.0).missing == ("limits",)


def test_error_that_is_told_is_short() -> None:
    """Somebody reads it."""
    assert heard("print('{\"failed\": \"' + 'x' * 10**6 + '\"}')").error == "x" * 1000


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ([1, 2.5, None], (1.0, 2.5, None)),
        ([math.nan, math.inf, -math.inf], (None, None, None)),
        ([True, "5", [5]], (None, None, None)),
        ([10**400, {}, 10**300], (None, None, 1e300)),
        ([1.0, 2.0], None),
        ([1.0] * 4, None),
        ("123", None),
        (None, None),
    ],
    ids=["numbers", "not finite", "other types", "huge", "too few", "too many", "a text", "nothing"],
)
def test_answers_are_plain_numbers(given: object, taken: tuple[float | None, ...] | None) -> None:
    """As many as there were questions, and None for each that is none."""
    assert plain_answers(given, 3) == taken


def test_signal_is_named() -> None:
    """By its name, where it has one."""
    assert heard(f"os.kill(os.getpid(), {int(signal.SIGKILL)})").error == "the process ended by SIGKILL"
    assert heard("os.kill(os.getpid(), 40)").error == "the process ended by signal 40"


def test_lines_that_are_no_objects_are_passed_over() -> None:
    """Other JSON, and what is none."""
    child = heard("os.write(1, b'[1]\\n5\\nnull\\nno JSON\\n{\"it\": 1}\\n')")

    assert [line.content for line in child.told] == [{"it": 1}]
