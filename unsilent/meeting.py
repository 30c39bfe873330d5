"""Which processes watch a training together, and the line on which they talk.

A monitor may have been put on some ranks only, and a rank that waited for the others' words would then wait for ever.
So they meet first, the n-th monitor of one rank with the n-th of every other: each leaves a mark in the store that
``torch.distributed`` was started with. The last to come writes "together"; whoever has waited too long writes "alone";
the store takes the first of these words and gives it to all, so that no two ranks believe different things.

A guard that is attached to a Trainer says so in the store at once: where every rank has one they run the same program,
and whoever comes first waits for as long as the training itself would.

Together they talk over a gloo group of their own. What they say travels on the host: no kernel waits for it, nothing
is synchronised with a GPU, and a NaN in the group that trains cannot get in its way.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import time
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.distributed as dist

from .adapted import is_sharded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Seconds that ranks wait for each other once. Wrapping a model in DDP, and the beginning of a Trainer's loop, have just
# brought them together: what differs since is how long each took to look at a few rows.
PATIENCE = 30.0
LOOK_EVERY = 0.01  # seconds
# How long a rank may be late for a step: what the group that trains was given (Trainer's ``ddp_timeout``), so that
# whoever is too late for us is too late for the training itself. Where that cannot be read, what torch gives NCCL's
# collectives (``default_pg_nccl_timeout``). A process that is gone is noticed at once.
LONGEST_WAIT = dt.timedelta(minutes=10)

ONE_PROCESS = "one process trains"
NO_STORE = "the process group has no store in which the ranks could meet"
SHARDED = "the parameters are sharded: each rank holds other parts of them"
TOGETHER, ALONE = "together", "alone"
ANNOUNCED = "announced by rank {}"


class Line(Protocol):
    """How ranks talk; ``GlooLine`` in earnest."""

    @property
    def rank(self) -> int:
        """Who speaks here, counted from 0."""

    @property
    def world(self) -> int:
        """How many there are."""

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """The largest that any rank says, number by number."""

    def gather(self, word: Any) -> list[Any]:  # noqa: ANN401 - whatever can be pickled
        """What every rank says, in the order of ranks."""


class GlooLine:
    """A gloo group of all ranks, apart from the one that trains."""

    def __init__(self) -> None:
        """Make the group; every rank has to."""
        self.group: Any = dist.new_group(backend="gloo", timeout=longest_wait())
        self.rank = dist.get_rank()
        self.world = dist.get_world_size()

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """One small collective operation."""
        said = torch.tensor(list(numbers), dtype=torch.int64, device="cpu")
        dist.all_reduce(said, dist.ReduceOp.MAX, group=self.group)
        return [int(number) for number in said.tolist()]

    def gather(self, word: Any) -> list[Any]:  # noqa: ANN401
        """Two collective operations, of any size."""
        words: list[Any] = [None] * self.world
        dist.all_gather_object(words, word, group=self.group)
        return words


def meet(weights: Iterable[torch.Tensor]) -> tuple[Line | None, str]:
    """Find out whether every rank watches, and open a line between them.

    Args:
        weights: What is trained.

    Returns:
        The line; or None, and why there is none.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return None, ONE_PROCESS
    if any(is_sharded(weight) for weight in weights):
        return None, SHARDED
    world = dist.get_world_size()
    try:
        store = _own_store()
        if store is None:  # as under MPI
            return None, NO_STORE
        answer = decide(store, world, dist.get_rank())
        line = _line_in(dist.group.WORLD) if answer == TOGETHER else None
        waited = _patience(store, world)
    except (RuntimeError, NotImplementedError) as error:  # a store that cannot do this, or is gone
        return None, f"the ranks could not meet: {error}"
    return line, "" if line else f"not all of the {world} ranks are watched: others did not come within {waited:g} s"


def announce() -> None:
    """Say that this rank will be watched in its coming training, for which the others may wait; it need not come."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return
    with contextlib.suppress(RuntimeError, NotImplementedError):  # whoever cannot say it is not waited for as long
        store = _own_store()
        if store is not None:
            store.add(ANNOUNCED.format(dist.get_rank()), 1)


def decide(store: Any, world: int, rank: int) -> str:  # noqa: ANN401 - a store of torch.distributed
    """Leave a mark, and wait until it is decided whether all have come: the same word for every rank that asks.

    A meeting that was decided without this rank is over: it goes to the next one, as others will. Otherwise a monitor
    that only some ranks once had would keep the later ones of all of them apart.
    """
    number = int(store.add(f"meetings of rank {rank}", 1))
    while store.check([f"{number}/word"]):
        number = int(store.add(f"meetings of rank {rank}", 1))
    word = f"{number}/word"
    if store.add(f"{number}/come", 1) == world:
        return str(store.compare_set(word, "", TOGETHER).decode())
    start = time.monotonic()
    while time.monotonic() < start + _patience(store, world):
        if store.check([word]):
            return str(store.get(word).decode())
        time.sleep(LOOK_EVERY)  # the store's own wait complains aloud when nobody comes
    return str(store.compare_set(word, "", ALONE).decode())


def longest_wait() -> dt.timedelta:
    """What the group that trains was given for one operation."""
    try:
        backend = dist.distributed_c10d._get_default_group()._get_backend(_place())  # noqa: SLF001 - no public way to it
        given = backend.options._timeout  # noqa: SLF001
    except (RuntimeError, AttributeError, ValueError):  # another torch, or another backend
        return LONGEST_WAIT
    return given if isinstance(given, dt.timedelta) else LONGEST_WAIT


def _place() -> torch.device:
    """A device that the group that trains works on."""
    return torch.device("cuda" if "nccl" in dist.get_backend() else "cpu")


def _patience(store: Any, world: int) -> float:  # noqa: ANN401
    """Seconds to wait for the others: for as long as they would for us, where all have said that they will come."""
    announced = store.check([ANNOUNCED.format(rank) for rank in range(world)])
    return max(PATIENCE, longest_wait().total_seconds()) if announced else PATIENCE


def _own_store() -> Any:  # noqa: ANN401
    """The part of the default store that is ours; None where there is no store."""
    store = _default_store()
    return None if store is None else dist.PrefixStore("unsilent", store)  # type: ignore[attr-defined] # not in its __all__


def _default_store() -> Any:  # noqa: ANN401
    """The store that the processes found each other by."""
    from torch.distributed.distributed_c10d import _get_default_store  # noqa: PLC0415 - no public way to it

    return _get_default_store()


@functools.lru_cache(maxsize=1)
def _line_in(_: object) -> GlooLine:
    """One line for all monitors of a process group: a group costs threads and sockets."""
    return GlooLine()
