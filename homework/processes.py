"""Several processes that train one adapter: who speaks, who writes, and who answers which question.

    torchrun --nproc_per_node 2 -m homework.sft train
    accelerate launch --num_processes 2 -m homework.sft train

Both programs start this one several times and say in the environment which is which. Every process loads the base and
trains on its share of the rows; gradients are averaged between them (DDP). Rank 0 alone claims the output, prints and
writes, while the others wait for it: what it returns, or raises, is everybody's. With one process nothing here does
anything, and torch is not imported.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import OptionInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ResultT = TypeVar("ResultT")

# Rank 0 may be at work alone for long, saving and asking where the answers come from; one that is gone is noticed at
# once, since its connections close.
WAIT = dt.timedelta(days=1)


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is.

    Attributes:
        rank: Counted from 0 over all machines.
        world: How many there are.
        local_rank: Counted from 0 on this machine: which of its GPUs is ours.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @classmethod
    def of_this_run(cls) -> Processes:
        """Read it from the environment, where torchrun and accelerate leave it.

        Raises:
            OptionInvalid: A variable that is no whole number, or a rank beyond the number of processes.
        """
        found = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        try:
            world = int(found["WORLD_SIZE"] or 1)
            if world == 1:
                return cls()
            rank = int(found["RANK"])
            processes = cls(rank, world, int(found["LOCAL_RANK"] or rank))
        except ValueError:
            raise _unusable(found) from None
        if not (0 <= processes.rank < world and processes.local_rank >= 0):
            raise _unusable(found)
        return processes

    @property
    def is_first(self) -> bool:
        """Whether this one speaks and writes."""
        return self.rank == 0


def _unusable(found: dict[str, str]) -> OptionInvalid:
    return OptionInvalid(
        expected="RANK, WORLD_SIZE and LOCAL_RANK as torchrun sets them",
        got=", ".join(f"{name}={value!r}" for name, value in found.items()),
        where="the environment",
        action="start with torchrun --nproc_per_node N -m ..., or unset WORLD_SIZE to train with one process",
    )


def join(processes: Processes) -> None:
    """Connect the processes, over NCCL where each has a GPU and over gloo else; once, and only where there are several.

    Raises:
        OptionInvalid: Fewer GPUs than processes on this machine.
    """
    if processes.world == 1:
        return
    import torch  # noqa: PLC0415 - one process needs none of this
    import torch.distributed as dist  # noqa: PLC0415

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        count = torch.cuda.device_count()
        if processes.local_rank >= count:
            raise OptionInvalid(
                expected="a GPU for each process",
                got=f"{count} GPU(s) for local rank {processes.local_rank}",
                where="LOCAL_RANK",
                action=f"start at most {count} processes on this machine, or hide the GPUs: CUDA_VISIBLE_DEVICES=",
            )
        torch.cuda.set_device(processes.local_rank)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if on_gpu else "gloo")


def leave() -> None:
    """Disconnect, at the end of a program."""
    import sys  # noqa: PLC0415 - looks whether there is anything to end

    dist = sys.modules.get("torch.distributed")
    if dist is not None and dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


@contextlib.contextmanager
def one_voice(processes: Processes) -> Iterator[None]:
    """Let rank 0 alone be heard on standard output; warnings and errors of the others still reach standard error."""
    if processes.is_first:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield


def on_first(processes: Processes, action: Callable[[], ResultT]) -> ResultT:
    """Do something on rank 0 alone while the others wait; its result, or its error, is everybody's.

    Args:
        processes: Which of how many this is.
        action: Its result must survive pickling, as its errors must.

    Returns:
        What rank 0 returned.

    Raises:
        Exception: What rank 0 raised, on every rank.
    """
    if processes.world == 1:
        return action()
    import torch.distributed as dist  # noqa: PLC0415

    told: list[Any] = [None, None]
    if processes.is_first:
        try:
            told[0] = action()
        except Exception as error:  # noqa: BLE001 - raised below, on every rank
            told[1] = error
    dist.broadcast_object_list(told, src=0, group=_waiting_group(dist.group.WORLD))
    result, error = told
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return] # what action returned


def gather(processes: Processes, value: ResultT) -> list[ResultT]:
    """What every rank has, in the order of ranks."""
    if processes.world == 1:
        return [value]
    import torch.distributed as dist  # noqa: PLC0415

    values: list[Any] = [None] * processes.world
    dist.all_gather_object(values, value, group=_waiting_group(dist.group.WORLD))
    return values


def answer_together(
    answer: Callable[..., list[float]], questions: Sequence[str], processes: Processes
) -> list[float]:
    """Let each rank answer its share of the questions.

    Every ``world``-th question goes to the same rank, so that long and short ones are spread alike.

    Returns:
        All answers on every rank, in the order of the questions.
    """
    mine = list(questions)[processes.rank :: processes.world]
    shares = gather(processes, answer(*mine) if mine else [])
    answers = [0.0] * len(questions)
    for rank, share in enumerate(shares):
        answers[rank :: processes.world] = share
    return answers


@functools.lru_cache(maxsize=1)
def _waiting_group(_: object) -> Any:  # noqa: ANN401 - a process group
    """A gloo group whose members may wait for rank 0 as long as it takes."""
    import torch.distributed as dist  # noqa: PLC0415

    return dist.new_group(backend="gloo", timeout=WAIT)
