"""How many rows at once, and why.

The effective batch is 32 everywhere and so is the order of rows, so that a run on a laptop and one on a data-centre GPU
follow the same trajectory; only how it is cut into micro-batches depends on the device's memory. Where that turns out
too small, ``memory_limits.py`` cuts it finer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .devices import describe_device
from .errors import OptionInvalid

if TYPE_CHECKING:
    import torch

    from .devices import Device

EFFECTIVE_BATCH = 32  # rows an optimizer step; the course's recipe

LARGEST_BATCH = 65_536  # rows; more than any data set here has

# Not a GPU: 8 rows of 40 tokens keep two cores busy; 16 measured 1.1 times faster a step.
DEFAULT_MICRO_BATCH = 8

# GPU memory [GB, 10^9 bytes] from which on a micro-batch is planned. One row of 128 tokens of the 360M (rank 16, fp32,
# no checkpointing) keeps 0.30 GB for the backward pass, measured with saved_tensors_hooks and linear in rows; weights,
# optimizer and CUDA itself take 3 GB. So 32 rows need 12.6 GB, 16 need 8, 8 need 5.5, 4 need 4.2: planned up to 60% of
# the memory. More than 32 is more than an optimizer step has.
MICRO_BATCH_BY_GB = ((21, 32), (15, 16), (10, 8), (7, 4), (0, 2))

# Rows of nearly one length that lie together in the order of training. Not the micro-batch: that goes by the device,
# and then each device would train on other steps. 16, with which the main job and its figures were made.
ROWS_OF_ONE_LENGTH = 16


@dataclass(frozen=True)
class BatchPlan:
    """Rows a forward pass, forward passes a step in each process, the reason in words, and how many processes."""

    micro_batch_size: int
    accumulation_steps: int
    reason: str
    processes: int = 1

    @property
    def effective_batch(self) -> int:
        """Rows an optimizer step."""
        return self.micro_batch_size * self.accumulation_steps * self.processes

    @property
    def hparams(self) -> dict[str, int]:
        """What ``TrainingArguments`` calls it."""
        return {
            "per_device_train_batch_size": self.micro_batch_size,
            "gradient_accumulation_steps": self.accumulation_steps,
        }


def choose_batch(
    device: torch.device | Device | None = None,
    *,
    micro_batch_size: int = 0,
    effective_batch: int = EFFECTIVE_BATCH,
    processes: int = 1,
) -> BatchPlan:
    """Cut the effective batch into micro-batches for ``device``.

    Args:
        device: Where the forward pass runs, or its description; None is the best device there is.
        micro_batch_size: Rows a forward pass; 0 leaves the choice to this function.
        effective_batch: Rows an optimizer step, of all processes together.
        processes: How many train together; each has a device of this kind.

    Returns:
        A plan whose numbers multiply to ``effective_batch``.

    Raises:
        OptionInvalid: Sizes below 1, a number of processes that does not divide the effective batch, or a micro-batch
            that does not divide a process's share of it.
    """
    if not 1 <= effective_batch <= LARGEST_BATCH:
        raise OptionInvalid(
            expected=f"an effective batch of at least 1 row and at most {LARGEST_BATCH}",
            got=str(effective_batch),
            where="--effective_batch",
            action=f"use {EFFECTIVE_BATCH}, or leave the option out",
        )
    if effective_batch % processes:
        raise OptionInvalid(
            expected=f"a number of processes that divides the effective batch of {effective_batch}",
            got=str(processes),
            where="the number of processes",
            action=f"start one of {', '.join(map(str, _divisors(effective_batch)))}, or change --effective_batch",
        )
    described = describe_device(device)
    limit = _rows_by_memory(described)
    share = effective_batch // processes
    size = micro_batch_size or _largest_divisor(share, limit)
    if size < 1 or share % size:
        of_each = f", {share} for each of {processes} processes" if processes > 1 else ""
        raise OptionInvalid(
            expected=f"a micro-batch that divides the effective batch of {effective_batch}{of_each}",
            got=str(micro_batch_size),
            where="--micro_batch_size or SFT_MICRO_BATCH_SIZE",
            action=f"choose one of {', '.join(map(str, _divisors(share)))}, or leave it out",
        )
    chosen = f"up to {limit} rows on {described.words}"
    if micro_batch_size:
        planned = micro_batch_size <= limit or described.kind != "cuda"
        chosen = "asked for" if planned else f"asked for, where {limit} rows are planned on {described.words}"
    steps = share // size
    several = f" x {processes} processes" if processes > 1 else ""
    reason = f"{chosen}; {size} rows x {steps}{several} = {effective_batch} an optimizer step"
    return BatchPlan(size, steps, reason, processes)


determine_batch_hparams = choose_batch  # the reports' name; its ``hparams`` go into TrainingArguments


def _rows_by_memory(device: Device) -> int:
    """Rows that are planned at once: by memory on a GPU whose memory is known, else the default."""
    if device.kind != "cuda" or not device.memory_bytes:
        return DEFAULT_MICRO_BATCH
    return next(rows for gigabytes, rows in MICRO_BATCH_BY_GB if device.memory_bytes >= gigabytes * 10**9)


def _divisors(number: int) -> list[int]:
    return [size for size in range(1, number + 1) if number % size == 0]


def _largest_divisor(number: int, limit: int) -> int:
    return max(size for size in _divisors(number) if size <= limit)
