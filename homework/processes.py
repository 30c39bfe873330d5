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
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from .errors import OptionInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .batching import BatchPlan
    from .data import Answers

ResultT = TypeVar("ResultT")
ArgumentsT = ParamSpec("ArgumentsT")

# Rank 0 may be at work alone for long, saving and asking where the answers come from; one that is gone is noticed at
# once, since its connections close.
WAIT = dt.timedelta(days=1)
OF_THIS_RANK = "others may be in order"  # the note on a wrong option that not every rank meets
SAID = "rank 0 has said so"  # the note on an error that rank 0 has met, wherever else it is raised


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

    def launched(self, command: str) -> str:
        """What to type for ``python -m ...`` on as many processes."""
        if self.world == 1:
            return command
        if "ACCELERATE_DYNAMO_MODE" in os.environ:  # by accelerate's launcher; Trainer sets others
            launcher = f"accelerate launch --multi_gpu --num_processes {self.world}"
        else:
            launcher = f"torchrun --nproc_per_node {os.environ.get('LOCAL_WORLD_SIZE') or self.world}"
        machines = int(os.environ.get("GROUP_WORLD_SIZE") or 1)
        where = f" (on each of the {machines} machines, with the options that said where they meet)"
        return command.replace("python", launcher, 1) + where * (machines > 1)


ALONE = Processes()


def _unusable(found: dict[str, str]) -> OptionInvalid:
    return OptionInvalid(
        expected="RANK, WORLD_SIZE and LOCAL_RANK as torchrun sets them",
        got=", ".join(f"{name}={value!r}" for name, value in found.items()),
        where="the environment",
        action="start with torchrun --nproc_per_node N -m ..., or unset WORLD_SIZE to train with one process",
    )


def join() -> Processes:
    """Connect the processes, over NCCL where each has a GPU and over gloo else; once, and only where there are several.

    Returns:
        Which of them this is.

    Raises:
        OptionInvalid: As ``Processes.of_this_run``; or fewer GPUs than processes on this machine.
    """
    processes = Processes.of_this_run()
    if processes.world == 1:
        return processes
    import torch  # noqa: PLC0415 - one process needs none of this
    import torch.distributed as dist  # noqa: PLC0415

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        count = torch.cuda.device_count()
        if processes.local_rank >= count:
            refusal = OptionInvalid(
                expected="a GPU for each process",
                got=f"{count} GPU(s) for local rank {processes.local_rank}",
                where="LOCAL_RANK",
                action=f"start at most {count} processes on this machine, or hide the GPUs: CUDA_VISIBLE_DEVICES=",
            )
            refusal.add_note(OF_THIS_RANK)
            raise refusal
        torch.cuda.set_device(processes.local_rank)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if on_gpu else "gloo")
    return processes


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


def heard_once(function: Callable[ArgumentsT, ResultT]) -> Callable[ArgumentsT, ResultT]:
    """Decorate a function that prints: ``one_voice`` for as long as it runs."""

    @functools.wraps(function)
    def quiet(*args: ArgumentsT.args, **kwargs: ArgumentsT.kwargs) -> ResultT:
        with one_voice(Processes.of_this_run()):
            return function(*args, **kwargs)

    return quiet


def on_first(processes: Processes, action: Callable[[], ResultT]) -> ResultT:
    """Do something on rank 0 alone while the others wait; its result, or its error, is everybody's.

    Args:
        processes: Which of how many this is.
        action: Its result must survive pickling; of an error that does not, the others are told kind and words.

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
    own = told[1]
    told[1] = _sendable(own)
    dist.broadcast_object_list(told, src=0, group=_waiting_group(dist.group.WORLD))
    result, refusal = told[0], own or told[1]
    if refusal is not None:
        if not processes.is_first:
            refusal.add_note(SAID)
        raise refusal
    return result  # type: ignore[no-any-return] # what action returned


def _sendable(error: Exception | None) -> Exception | None:
    """An error as it can be sent to other processes; some cannot be pickled, others not be made again of that."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, of a moment ago
    except Exception:  # noqa: BLE001 - whatever its own code raises
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def gather(processes: Processes, value: ResultT) -> list[ResultT]:
    """What every rank has, in the order of ranks."""
    if processes.world == 1:
        return [value]
    import torch.distributed as dist  # noqa: PLC0415

    values: list[Any] = [None] * processes.world
    dist.all_gather_object(values, value, group=_waiting_group(dist.group.WORLD))
    return values


class AnswersTogether:
    """Answers as something else does, each rank its share of the questions.

    Every ``world``-th question goes to the same rank, so that long and short ones are spread alike.
    """

    def __init__(self, llm: Answers, processes: Processes) -> None:
        """Take what answers, the same on every rank."""
        self.llm = llm
        self.processes = processes

    def answer(self, *questions: str) -> list[float]:
        """All answers on every rank, in the order of the questions."""
        rank, world = self.processes.rank, self.processes.world
        mine = questions[rank::world]
        answers = [0.0] * len(questions)
        for other, share in enumerate(gather(self.processes, self.llm.answer(*mine) if mine else [])):
            answers[other::world] = share
        return answers


def cut_for_ranks(count: int, size: int, steps: int, world: int) -> list[list[int]]:
    """Cut rows into micro-batches that ranks take in turn, so that each optimizer step sees the rows of one process.

    A data loader that is shared out would fill the last round up with rows from the beginning, which then weigh twice.
    Here the last micro-batches are halved until each rank has one of them. Where there are fewer rows than ranks every
    rank takes them all: the mean of equal gradients is that gradient.

    Args:
        count: Rows.
        size: Rows of a micro-batch.
        steps: Micro-batches of a rank in an optimizer step.
        world: Ranks.

    Returns:
        Micro-batches of indices; their number divides by ``world``, and the n-th belongs to rank ``n % world``.
    """
    every = [list(range(first, min(first + size, count))) for first in range(0, count, size)]
    full = count // (size * steps * world) * steps * world
    last = every[full:]
    while len(last) % world:
        largest = max(range(len(last)), key=lambda place: len(last[place]))
        half = (len(last[largest]) + 1) // 2
        if half == len(last[largest]):  # single rows only
            return every[:full] + [[index for batch in last for index in batch]] * world
        last[largest : largest + 1] = [last[largest][:half], last[largest][half:]]
    return every[:full] + last


def share_batches(trainer: Any, plan: BatchPlan) -> None:  # noqa: ANN401 - a Trainer
    """Let a Trainer on several ranks take the micro-batches of ``cut_for_ranks``; nothing else is changed."""
    from torch.utils.data import DataLoader  # noqa: PLC0415

    rows = trainer.train_dataset
    batches = cut_for_ranks(len(rows), plan.micro_batch_size, plan.accumulation_steps, plan.processes)
    pinned = trainer.args.dataloader_pin_memory
    loader: Any = DataLoader(rows, batch_sampler=batches, collate_fn=trainer.data_collator, pin_memory=pinned)
    trainer.get_train_dataloader = lambda: trainer.accelerator.prepare(loader)


@functools.lru_cache(maxsize=1)
def _waiting_group(_: object) -> Any:  # noqa: ANN401 - a process group
    """A gloo group whose members may wait for rank 0 as long as it takes."""
    import torch.distributed as dist  # noqa: PLC0415

    return dist.new_group(backend="gloo", timeout=WAIT)
