"""What a run took: seconds, tokens a second, and the most memory it held, in words and for the manifest.

Counted after the run from what the Trainer knows anyway, so that measuring costs no step anything. On CUDA the memory
is what torch had allocated at most since the run began; on the CPU, what the whole process ever held, imports and base
included, because nobody keeps the figure for a part of it. Which of the two it is stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS = Path("/proc/self/status")  # Linux; elsewhere the memory of a process is not said


@dataclass(frozen=True)
class Consumption:
    """Seconds, tokens and memory of a run.

    Attributes:
        seconds: From the first step's batch to the last step.
        tokens: Of the rows trained on, prompts included, padding not; over all processes.
        tokens_per_second: The one by the other.
        peak_memory_bytes: None where nobody could be asked.
        memory_of: What was counted as memory.
    """

    seconds: float
    tokens: int
    tokens_per_second: float
    peak_memory_bytes: int | None
    memory_of: str

    @property
    def words(self) -> str:
        """One line for the console."""
        memory = f"{self.peak_memory_bytes / 1e9:.2f} GB" if self.peak_memory_bytes is not None else "unknown"
        return (
            f"{self.tokens_per_second:,.0f} tokens a second ({self.tokens:,} without padding in {self.seconds:.1f} s), "
            f"peak memory {memory} ({self.memory_of})"
        )


def begin_counting(device: torch.device) -> None:
    """Forget what was held before the run."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def consumed(
    items: Sequence[Mapping[str, Sequence[int]]], rows: int, seconds: float, device: torch.device
) -> Consumption:
    """Count what a run took.

    Args:
        items: Tokenized rows in the order of training.
        rows: How many of them were trained on, from the first.
        seconds: That it took.
        device: Where the model lies.
    """
    tokens = sum(len(items[index]["input_ids"]) for index in range(min(rows, len(items))))
    peak, memory_of = _peak_memory(device)
    return Consumption(round(seconds, 3), tokens, round(tokens / max(seconds, 1e-9), 1), peak, memory_of)


def _peak_memory(device: torch.device) -> tuple[int | None, str]:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device), "allocated by torch on the GPU since the run began"
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    held = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
    return held, "resident set of the whole process" if held is not None else "not said by this system"
