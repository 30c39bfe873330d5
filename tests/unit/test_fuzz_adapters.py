"""The fuzzer's own parts, and a bounded run of it; ``nox -s slow`` has the long one."""

from __future__ import annotations

import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import fuzz_adapters
import pytest
from adapter_kinds import KINDS
from adapter_truth import WEIGHTS, contradictions
from fuzz_adapters import GROUPS, MEMORY, Case, change, table, wrong
from mutate_places import MARKER, Evil
from mutations import CONSISTENT, CONTRADICTS, MUTATIONS

from unsilent.outcome import Card, Report, failed

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked and killed")
ONE_FILE = sorted({*GROUPS["one file"], "hub cache", "one checkpoint"})


@pytest.mark.parametrize("kind", ONE_FILE)
def test_yardstick_calls_no_healthy_adapter_contradictory(kind: str, tmp_path: Path) -> None:
    """What decides about mutations has nothing against what was not mutated."""
    path = KINDS[kind](tmp_path)

    assert (path / WEIGHTS).is_file()
    assert contradictions(path) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_changes_an_adapter(name: str, tmp_path: Path) -> None:
    """Every class of mutations works, and says what it makes of the folder."""
    case, path = change(random.Random(name).randrange(100), 0, tmp_path, [name])

    assert case.mutation == name
    assert case.verdict in {CONTRADICTS, CONSISTENT, "harmless"}
    assert path.parent.exists()


def test_same_seed_makes_the_same_mutation(tmp_path: Path) -> None:
    """A number can be looked into again."""
    first, path = change(7, 1, tmp_path / "a")
    second, again = change(7, 1, tmp_path / "b")

    assert first == second
    assert path.relative_to(tmp_path / "a") == again.relative_to(tmp_path / "b")


def test_table_counts_what_was_missed() -> None:
    """A missed contradiction, a change missed beside a manifest and a crash are wrong; undecided is an answer."""
    cases = [
        Case(0, "a", "k", manifest=False, verdict=CONTRADICTS, said="nothing"),
        Case(1, "a", "k", manifest=False, verdict=CONTRADICTS, said="undecided"),
        Case(2, "a", "k", manifest=False, verdict=CONSISTENT, said="nothing"),
        Case(3, "a", "k", manifest=True, verdict=CONSISTENT, said="undecided"),
        Case(4, "a", "k", manifest=False, verdict="harmless", error="crash: here"),
    ]

    assert [case.number for case in wrong(cases)] == [0, 3, 4]
    assert table(cases).splitlines()[-1].split()[:5] == ["all", "2", "0", "1", "1"]


def _raise(_path: Path) -> None:
    raise OverflowError("too large")


def _print_escapes(path: Path) -> Report:
    return Report(f"{path}", (failed("adapter-empty", "adapter", "plain", {"a": 1}),), (Card({}, ("\x1b[2J",)),))


DETECTED = {
    "crash: Traceback": _raise,
    "hang": lambda _path: time.sleep(5),
    "more memory": lambda _path: len(bytearray(MEMORY * 1000 + 200_000_000)) and Report("x", ()),
    "control characters": _print_escapes,
}


@pytest.mark.parametrize("expected", DETECTED)
def test_what_goes_wrong_is_seen(expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An inspection that raises, hangs, takes memory or writes on the terminal is counted: none of these is blind."""
    monkeypatch.setattr(fuzz_adapters, "inspect_adapter", DETECTED[expected])
    monkeypatch.setattr(fuzz_adapters, "LIMIT", 1)
    monkeypatch.setattr("unsilent.report.printable", str)
    before = signal.signal(signal.SIGALRM, fuzz_adapters._hang)
    try:
        case = Case(0, "nothing changed", "names", verdict="harmless")
        fuzz_adapters.inspect(case, tmp_path, tmp_path)
    finally:
        signal.signal(signal.SIGALRM, before)

    assert expected in case.error
    assert wrong([case])


def test_execution_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle that was loaded leaves its mark, and the mark is looked for."""

    def load(path: Path) -> Report:
        pickle.loads(pickle.dumps(Evil(path / MARKER)))  # noqa: S301 - what must never happen
        return Report("x", ())

    monkeypatch.setattr(fuzz_adapters, "inspect_adapter", load)
    case = Case(0, "evil bin", "bin", verdict=CONTRADICTS)
    fuzz_adapters.inspect(case, tmp_path, tmp_path)

    assert "executed" in case.error


def test_death_of_the_process_is_a_crash() -> None:
    """The case that was under way is blamed, and the others are inspected all the same."""
    code = """
import os, signal, sys
sys.path[:0] = sys.argv[1:]
import fuzz_adapters

def die_on_one(case, path, scratch):
    if case.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    case.said = "found"
    return ""

fuzz_adapters.inspect = die_on_one
fuzz_adapters.GROUPS = {name: kinds[:1] for name, kinds in fuzz_adapters.GROUPS.items()}  # built before the first case
cases = fuzz_adapters.fuzz(4, seed=0, only=["nothing changed"])
print([case.number for case in cases if "died" in case.error], [case.said for case in cases])
"""
    folders = [str(Path(fuzz_adapters.__file__).parent), str(Path(fuzz_adapters.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", code, *folders], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines()[-1:] == ["[1] ['found', '', 'found', 'found']"], done.stderr


def run_fuzzer(count: int, seed: int, jobs: int) -> tuple[int, str]:
    """Run the program, in a process without pytest's threads; its status and its words."""
    options = f"--count {count} --seed {seed} --jobs {jobs} --patience 1".split()
    command = [sys.executable, fuzz_adapters.__file__, *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_sixty_mutated_adapters() -> None:
    """Nothing crashes, nothing hangs, nothing that contradicts itself is missed."""
    status, words = run_fuzzer(60, seed=0, jobs=1)

    assert status == 0, words


@pytest.mark.slow
def test_ten_thousand_mutated_adapters() -> None:
    """The same, longer, from another seed."""
    status, words = run_fuzzer(10_000, seed=1, jobs=2)
    print(words)

    assert status == 0, words
