"""Ranks meet once, or go on alone; no two believe different things."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch._C._distributed_c10d import FileStore, Store

from unsilent import meeting
from unsilent.adapted import is_readable, is_sharded
from unsilent.meeting import (
    ALONE,
    NO_STORE,
    ONE_PROCESS,
    SHARDED,
    TOGETHER,
    decide,
    longest_wait,
    meet,
)

WEIGHTS = [torch.zeros(2)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that two ranks share."""
    return FileStore(str(tmp_path / "store"), 2)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A process group of this process alone."""
    dist.init_process_group("gloo", store=FileStore(str(tmp_path / "group"), 1), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_one_process_meets_nobody() -> None:
    """Without torch.distributed nothing is done."""
    assert meet(WEIGHTS) == (None, ONE_PROCESS)


@pytest.mark.usefixtures("group")
def test_group_of_one_is_one_process() -> None:
    """As accelerate makes it for a single GPU."""
    assert meet(WEIGHTS) == (None, ONE_PROCESS)


def test_two_that_come_are_together(store: Store) -> None:
    """Whoever comes first waits for the other."""
    with ThreadPoolExecutor(2) as pool:
        words = list(pool.map(lambda rank: decide(store, 2, rank), range(2)))

    assert words == [TOGETHER, TOGETHER]


def test_whoever_waits_in_vain_is_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its patience has ended."""
    monkeypatch.setattr(meeting, "PATIENCE", 0.05)

    assert decide(store, 2, 0) == ALONE


def test_meeting_that_is_over_is_not_joined(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank that missed the first one comes to the second together with the other."""
    monkeypatch.setattr(meeting, "PATIENCE", 0.05)
    decide(store, 2, 0)
    monkeypatch.setattr(meeting, "PATIENCE", 20.0)
    with ThreadPoolExecutor(2) as pool:
        words = list(pool.map(lambda rank: decide(store, 2, rank), range(2)))

    assert words == [TOGETHER, TOGETHER]


@pytest.mark.parametrize(("announced", "word"), [((0, 1), TOGETHER), ((0,), ALONE)], ids=["both", "one"])
def test_rank_that_has_announced_itself_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, announced: tuple[int, ...], word: str
) -> None:
    """It comes after 100 s, of its work before the first step; one that has said nothing is not waited for."""
    now = [0.0]

    def sleep(_: float) -> None:
        now[0] += 20.0
        if now[0] == 100.0:
            decide(store, 2, 1)

    monkeypatch.setattr(meeting, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    for rank in announced:
        store.add(f"announced by rank {rank}", 1)

    assert decide(store, 2, 0) == word


def test_announcement_needs_others(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """It stands in the store of several processes; alone, without a store, or where that is gone, nothing is done."""
    meeting.announce()
    several(monkeypatch, store)
    meeting.announce()
    monkeypatch.setattr(meeting, "_default_store", lambda: None)
    meeting.announce()

    assert store.check(["announced by rank 0"])
    assert not store.check(["announced by rank 1"])
    assert meet(WEIGHTS) == (None, NO_STORE)


def test_late_is_what_the_group_calls_late(tmp_path: Path) -> None:
    """A group that was given longer, as by ``ddp_timeout``, is waited for as long."""
    longer = dt.timedelta(minutes=30)
    dist.init_process_group("gloo", store=FileStore(str(tmp_path / "group"), 1), rank=0, world_size=1, timeout=longer)
    within = longest_wait()
    dist.destroy_process_group()

    assert (within, longest_wait()) == (longer, meeting.LONGEST_WAIT)


def test_gpus_are_asked_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group over NCCL has no part on the CPU; one that does not say its time has ours."""
    asked: list[torch.device] = []

    def backend(place: torch.device) -> object:
        asked.append(place)
        return SimpleNamespace(options=SimpleNamespace(_timeout="long"))

    monkeypatch.setattr(dist, "get_backend", lambda: "nccl")
    monkeypatch.setattr(dist.distributed_c10d, "_get_default_group", lambda: SimpleNamespace(_get_backend=backend))

    assert longest_wait() == meeting.LONGEST_WAIT
    assert asked == [torch.device("cuda")]


def several(monkeypatch: pytest.MonkeyPatch, store: object) -> None:
    """Pretend that this is one of two processes."""
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "PrefixStore", lambda prefix, inner: inner)
    monkeypatch.setattr(meeting, "_default_store", lambda: store)
    monkeypatch.setattr(meeting, "PATIENCE", 0.05)


def test_nobody_else_is_said(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """The reason names how many there are and how long was waited."""
    several(monkeypatch, store)

    assert meet(WEIGHTS) == (None, "not all of the 2 ranks are watched: others did not come within 0.05 s")


def test_store_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the process that keeps it has gone."""

    def add(*_: object) -> int:
        raise RuntimeError("connection reset")

    several(monkeypatch, SimpleNamespace(add=add))

    assert meet(WEIGHTS) == (None, "the ranks could not meet: connection reset")


def test_sharded_parameters_are_not_compared(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """FSDP and DeepSpeed give each rank other parts of them."""
    several(monkeypatch, store)
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.ds_id = 3  # type: ignore[attr-defined] # as DeepSpeed's ZeRO-3 marks what it has partitioned

    assert not is_sharded(WEIGHTS[0])
    assert [is_readable(one) for one in (WEIGHTS[0], weight, torch.empty(2, device="meta"))] == [True, False, False]
    assert meet([*WEIGHTS, weight]) == (None, SHARDED)


@pytest.mark.usefixtures("group")
def test_line_carries_numbers_and_words() -> None:
    """In a group of one the largest number is one's own, and so is the only word; the line is made once."""
    line = meeting._line_in(dist.group.WORLD)

    assert line is meeting._line_in(dist.group.WORLD)
    assert (line.rank, line.world) == (0, 1)
    assert line.largest([3, -7]) == [3, -7]
    assert line.gather({"a": (1, "b")}) == [{"a": (1, "b")}]
    assert meeting._default_store() is not None
    meeting._line_in.cache_clear()
