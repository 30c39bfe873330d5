"""The fuzzer's own parts, and a bounded run of it; ``nox -s slow`` has the long one."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import pytest
from adapter_kinds import KINDS
from adapter_truth import WEIGHTS, contradictions
from fuzz_adapters import GROUPS, Case, change, fuzz, table, wrong
from mutations import CONSISTENT, CONTRADICTS, MUTATIONS

if TYPE_CHECKING:
    from pathlib import Path

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


def test_three_hundred_mutated_adapters() -> None:
    """Nothing crashes, nothing hangs, nothing that contradicts itself is missed."""
    cases = fuzz(300, seed=0)

    assert len(cases) == 300
    assert not wrong(cases), "\n".join(map(str, wrong(cases)))


@pytest.mark.slow
def test_ten_thousand_mutated_adapters() -> None:
    """The same, longer, from another seed."""
    cases = fuzz(10_000, seed=1, jobs=2)
    print(table(cases))

    assert len(cases) == 10_000
    assert not wrong(cases), "\n".join(map(str, wrong(cases)))
