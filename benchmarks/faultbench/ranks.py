"""Two processes that train together, each under the tool: what any of them says is what the tool says.

They are forked from the process of the cell, which has imported everything, and meet over gloo as ``torchrun`` would
have them. When a tool has spoken on one rank and the other waits for it in an all-reduce, the alarm counts and the
other is ended; where nobody has spoken and somebody does not come back, the tool has hung the training.
"""

from __future__ import annotations

import functools
import multiprocessing
import multiprocessing.connection
import os
import time
from typing import TYPE_CHECKING, Any

import torch.distributed as dist

from .subjects import Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from .runs import Ranks, Run

WORLD = 2
PATIENCE = 60.0  # seconds for all of it, half of a cell's
AFTER_AN_ALARM = 10.0  # seconds in which the other rank may speak too


def on_both(way: Callable[[Run], list[Said]], package: str) -> Callable[[Ranks], list[Said]]:
    """The same tool on every rank of a training of two processes."""

    @functools.wraps(way)
    def applied(ranks: Ranks) -> list[Said]:
        return together(way, package, ranks)

    applied.__doc__ = f"On both of two ranks: {way.__doc__}"
    return applied


def together(way: Callable[[Run], list[Said]], package: str, ranks: Ranks) -> list[Said]:
    """Train both ranks under a tool.

    Returns:
        What was said on any.

    Raises:
        RuntimeError: A rank has crashed or does not come back, and nobody has said why.
    """
    fork = multiprocessing.get_context("fork")
    ranks.folder.mkdir(parents=True, exist_ok=True)
    pipes = [fork.Pipe(duplex=False) for _ in range(WORLD)]
    processes = [fork.Process(target=_train, args=(way, package, ranks, rank, pipes[rank][1])) for rank in range(WORLD)]
    for process, (_, there) in zip(processes, pipes, strict=True):
        process.start()
        there.close()
    answers = _heard([here for here, _ in pipes])
    for process in processes:
        if process.is_alive():
            process.kill()
        process.join()
    said = [Said(*one) for answer in answers for one in answer.get("said", [])]
    if said:
        return said
    crashes = [answer["crash"] for answer in answers if "crash" in answer]
    if crashes:
        raise RuntimeError(crashes[0])
    if len(answers) < WORLD:
        raise RuntimeError(f"{WORLD - len(answers)} of {WORLD} ranks did not come back within {PATIENCE:g} s")
    return []


def _heard(waiting: list[Connection]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    end = time.monotonic() + PATIENCE
    while waiting and (left := end - time.monotonic()) > 0:
        ready = multiprocessing.connection.wait(waiting, left)
        for one in [one for one in waiting if one in ready]:
            waiting.remove(one)
            try:
                answers.append(one.recv())
            except EOFError:
                answers.append({"crash": "the process of a rank ended without an answer"})
            if answers[-1].get("said"):
                end = min(end, time.monotonic() + AFTER_AN_ALARM)
    return answers


def _train(way: Callable[[Run], list[Said]], package: str, ranks: Ranks, rank: int, answer: Connection) -> None:
    """In the process of a rank."""
    from accelerate.state import AcceleratorState, GradientState

    from .cells import OF_THE_RUN, is_of_the_run, words_of

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(WORLD), "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": "29500"}  # fmt: skip # the last two are asked for; the file is where they meet
    run = None
    try:
        dist.init_process_group("gloo", init_method=f"file://{ranks.folder / 'meeting'}", rank=rank, world_size=WORLD)
        run = ranks.build(rank)
        answer.send({"said": [(one.step, one.text) for one in way(run)]})
    except Exception as error:  # noqa: BLE001 - the tool's, the training's, or that the other rank has gone
        lost = "closed by peer" in str(error) or "Connection reset" in str(error)
        if run is not None and not lost and is_of_the_run(error, package):
            answer.send({"said": [(run.clock.step, f"{OF_THE_RUN} {words_of(error)}")]})
        else:
            answer.send({"crash": words_of(error)})
    os._exit(0)
