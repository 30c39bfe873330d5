"""What a run does when the device has too little memory for its plan: fewer rows at once, from the start, said aloud.

The plan in ``batching.py`` goes by the memory of the device; what other programs hold of it, nobody knows before. An
out-of-memory in training halves the micro-batch and doubles the accumulation. The effective batch stays, and so does
the trajectory: rows keep their order however they are cut, and adapter and random states are put back to what they
were before the first step, so that the second attempt is the run that was planned with fewer rows at once.

Apart from the loop, which it wraps: what is put back, and when, can be tested without a device that runs full.
"""

from __future__ import annotations

import dataclasses
import gc
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from unsilent.guard import TrainingGuard
from unsilent.outcome import FailureFound
from unsilent.termination import Told

from .consumption import begin_counting
from .errors import DeviceTooSmall

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base_llm import BaseLLM
    from .batching import BatchPlan

# Not every library raises torch.OutOfMemoryError: the driver, cuBLAS and the allocator of the CPU have words of theirs.
WORDS = ("out of memory", "cublas_status_alloc_failed", "can't allocate memory")


@dataclass(frozen=True)
class Run:
    """A training that has ended: its Trainer and guard, what stopped it, the plan that fitted, and its seconds.

    Attributes:
        told: What the training itself returned: whether the process was told to end.
    """

    trainer: Any
    guard: TrainingGuard
    stop: FailureFound | None
    batch: BatchPlan
    seconds: float
    told: Told


def train_within_memory(
    make_trainer: Callable[[BatchPlan], Any], train: Callable[[Any], Told], llm: BaseLLM, batch: BatchPlan
) -> Run:
    """Train under a guard; where the device runs out of memory, once more from the start with fewer rows at once.

    Args:
        make_trainer: Makes a Trainer for ``llm.model`` and a plan.
        train: Trains it, from the beginning or from a checkpoint.
        llm: Whose model is trained; afterwards it has nothing of the Trainer's around it.
        batch: The plan to begin with.

    Raises:
        DeviceTooSmall: Not even one row at a time fits, or several processes train together.
    """
    start = Start(llm.model)
    while True:
        trainer = make_trainer(batch)
        guard = TrainingGuard().attach(trainer)
        begin_counting(llm.device)
        started, stop, full, told = time.monotonic(), None, "", Told()
        try:
            told = train(trainer)
        except FailureFound as found:
            stop = found
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            full = str(error) or "no memory"  # the error itself holds every tensor of the step until it is let go
        seconds = time.monotonic() - started
        # Trainer has wrapped the forward pass in autocast; answers are computed without
        llm.model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
        if not full:
            return Run(trainer, guard, stop, batch, seconds, told)
        batch = fewer_rows(batch, full)
        print(f"batch:       {batch.reason}, from the start", flush=True)
        del trainer, guard
        start.restore(llm.model)


class Start:
    """What a run begins with: weights that will be trained, and random states; kept on the host."""

    def __init__(self, model: torch.nn.Module) -> None:
        """Copy them; an adapter has some megabytes."""
        self.weights = {
            name: weight.detach().to("cpu", copy=True)
            for name, weight in model.named_parameters()
            if weight.requires_grad
        }
        self.python = random.getstate()
        self.torch = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    @torch.no_grad()
    def restore(self, model: torch.nn.Module) -> None:
        """Put them back, drop what a step had begun, and give the device's free memory back to it."""
        for name, weight in model.named_parameters():
            if name in self.weights:
                weight.copy_(self.weights[name])
                weight.grad = None
        gc.collect()  # a Trainer and its model refer to each other
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.set_rng_state_all(self.cuda)
        random.setstate(self.python)
        torch.set_rng_state(self.torch)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error means that the device, or the machine, has no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in WORDS)


def fewer_rows(batch: BatchPlan, error: str) -> BatchPlan:
    """Halve the rows of a forward pass and let accumulation make up for it.

    Args:
        batch: The plan that did not fit; of several processes none can take the others back to the start with it.
        error: What the device said; its first line goes into messages.

    Returns:
        A plan with the same effective batch, and a reason that says what happened.

    Raises:
        DeviceTooSmall: There is no smaller micro-batch, or several processes train together.
    """
    said = (error.splitlines() or [""])[0][:200]
    size = next((size for size in range(batch.micro_batch_size // 2, 0, -1) if batch.micro_batch_size % size == 0), 0)
    where = f"a micro-batch of {batch.micro_batch_size} row(s); the device said: {said}"
    if not size:
        raise DeviceTooSmall(
            expected="a device on which one row at a time can be trained",
            got="no memory left",
            where=where,
            action="use --gradient_checkpointing, --precision bf16, a smaller --rank or base, or end what else holds "
            "memory there",
        )
    if batch.processes > 1:
        raise DeviceTooSmall(
            expected=f"room on each of {batch.processes} devices for the plan",
            got="no memory left on one of them",
            where=where,
            action=f"set --micro_batch_size {size} or SFT_MICRO_BATCH_SIZE={size}; the effective batch stays "
            f"{batch.effective_batch}",
        )
    steps = batch.accumulation_steps * (batch.micro_batch_size // size)
    reason = f"{batch.micro_batch_size} rows at once ran out of memory; {size} rows x {steps} = {size * steps} a step"
    return dataclasses.replace(
        batch, micro_batch_size=size, accumulation_steps=steps, reason=f"{batch.reason}; {reason}"
    )
