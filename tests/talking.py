"""Ranks without processes: a line between threads, for all of the logic that does not need a process group.

Each rank has a model and a monitor of its own and runs in a thread; what it says goes through a barrier, as a
collective operation does. A rank that leaves breaks the barrier of those who wait for it.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch
import trainers

from unsilent import StepMonitor
from unsilent.outcome import FailureFound
from unsilent.ranks import Ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORLD = 2
LONGEST_WAIT = 20.0  # seconds; whoever waits for a rank that never comes is told so


class Table:
    """What the ranks of one training have laid down in this round."""

    def __init__(self, world: int = WORLD) -> None:
        """Set places for ``world`` ranks."""
        self.words: list[Any] = [None] * world
        self.barrier = threading.Barrier(world, timeout=LONGEST_WAIT)

    def exchange(self, rank: int, word: Any) -> list[Any]:  # noqa: ANN401
        """Lay down a word, and take everybody's."""
        self.words[rank] = word
        self.barrier.wait()
        words = list(self.words)
        self.barrier.wait()
        return words


class ThreadLine:
    """A line of ``unsilent.meeting`` between threads."""

    def __init__(self, table: Table, rank: int) -> None:
        """Sit down at a table."""
        self.table = table
        self.rank = rank
        self.world = len(table.words)

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """The largest that any rank says, number by number."""
        return [max(column) for column in zip(*self.table.exchange(self.rank, list(numbers)), strict=True)]

    def gather(self, word: Any) -> list[Any]:  # noqa: ANN401
        """What every rank says."""
        return self.table.exchange(self.rank, word)


def train_together(
    prepare: Callable[[Any, int], None] = lambda model, rank: None,
    *,
    steps: Sequence[int] = (5, 5),
    lr: Sequence[float] = (1e-2, 1e-2),
    same_rows: bool = True,
    finished: bool = True,
    **options: Any,  # noqa: ANN401 - for the monitors
) -> list[Any]:
    """Train two ranks in two threads; their monitors, which keep what they found.

    Args:
        prepare: Spoils the model of a rank.
        steps: Of each rank.
        lr: Of each rank.
        same_rows: Equal gradients stand for averaged ones; with other rows the ranks drift apart.
        finished: Their loops call ``finish``.
        **options: For the monitors.
    """
    first = trainers.fresh_adapter()
    table = Table()
    models = [copy.deepcopy(first) for _ in range(WORLD)]
    for rank, model in enumerate(models):
        prepare(model, rank)

    def run(rank: int) -> Any:  # noqa: ANN401
        model = models[rank].train()
        optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=lr[rank])
        monitor = StepMonitor(model, optimizer, **options)
        monitor.ranks = Ranks(ThreadLine(table, rank))
        rows = trainers.counting_rows(4 * max(steps), seed=0 if same_rows else rank)
        with contextlib.suppress(FailureFound), contextlib.closing(monitor):
            for step in range(steps[rank]):
                some = rows[4 * step : 4 * step + 4]
                batch = {name: torch.tensor([row[name] for row in some]) for name in ("input_ids", "labels")}
                loss = model(**batch).loss
                loss.backward()
                monitor.after_backward(loss)
                monitor.before_step()
                optimizer.step()
                monitor.after_step()
                optimizer.zero_grad()
            if finished:
                monitor.finish()
        return monitor

    with ThreadPoolExecutor(WORLD) as pool:
        return list(pool.map(run, range(WORLD)))
