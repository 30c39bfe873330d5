"""A micro-batch that does not fit, or that changes the effective batch, is found before the first step.

The reports planned 32 rows on whatever GPU there was: out of memory after minutes. Others made the micro-batch smaller
or larger and forgot accumulation, and trained with another effective batch than the one they had tuned.
"""

from __future__ import annotations

import sys
from pathlib import Path

import faults
import pytest
import support
import torch

from homework.batching import choose_batch
from homework.devices import describe_gpu
from unsilent.child import in_child
from unsilent.memory import check_batch
from unsilent.outcome import Outcome

pytestmark = [pytest.mark.regression, pytest.mark.failure("micro-batch-too-large")]

TOKENS = 400
ROW = {name: torch.ones(1, TOKENS, dtype=torch.int64) for name in ("input_ids", "attention_mask", "labels")}
ROOM = 200_000_000  # bytes that the child process may take beyond what it holds when its model is loaded


def train_in_little_memory(*rows: int) -> tuple[list[int], str]:
    """Train a step with each number of rows in a process whose memory is limited; which were trained, and the error."""
    import resource

    def train() -> tuple[list[int], str]:
        torch.set_num_threads(1)
        model = support.tiny_adapter().train()
        model.get_base_model().set_attn_implementation("eager")
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, held + ROOM))
        trained: list[int] = []
        for count in rows:
            ids = torch.ones(count, TOKENS, dtype=torch.int64)
            try:
                model(input_ids=ids, labels=ids).loss.backward()
            except RuntimeError as error:
                return trained, str(error)
            trained.append(count)
        return trained, ""

    done = in_child(train)
    assert isinstance(done, tuple), done
    return done


def plan(rows: int, steps: int, *, memory: int = ROOM) -> Outcome:
    """Check a plan on the model that the child trains."""
    model = support.tiny_adapter().train()
    model.get_base_model().set_attn_implementation("eager")
    return check_batch(
        model, ROW, micro_batch_size=rows, accumulation_steps=steps, effective_batch=32, memory_bytes=memory
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory limits of a process are read from /proc")
def test_fault_is_real() -> None:
    """The reports' 32 rows at once run out of memory where the planned 2 rows train."""
    rows, _ = faults.plan_without_looking()
    trained, error = train_in_little_memory(2, rows)

    assert trained == [2], error
    assert "allocate memory" in error


def test_check_finds_it() -> None:
    """The finding names what is needed, what is there, and how many rows would fit."""
    outcome = plan(*faults.plan_without_looking())

    assert (outcome.status, outcome.slug) == ("failed", "micro-batch-too-large")
    assert "Expected a micro-batch that fits into 0.2 GB, but got one of 32 rows" in outcome.message
    assert 2 <= int(str(outcome.evidence["rows_that_fit"])) < 32


def test_check_finds_another_effective_batch() -> None:
    """Twice the rows with the same accumulation are twice the effective batch."""
    outcome = plan(*faults.grow_micro_batch_alone(8, 4))

    assert "Expected an effective batch of 32 rows, but got 16 x 4 x 1 process(es) = 64" in outcome.message


def test_healthy_twin_is_left_alone() -> None:
    """The same effective batch in micro-batches that fit; and large ones where there is room."""
    assert plan(2, 16).status == "passed"
    assert plan(32, 1, memory=80 * 10**9).status == "passed"


@pytest.mark.parametrize("gigabytes", [4.2, 6.2, 8.3, 10.2, 12.6, 15.8, 24, 80])
def test_library_plans_by_memory(gigabytes: float) -> None:
    """On every size of GPU the planned rows of the course's 360M fit: 3 GB and 0.3 GB a row of 128 tokens."""
    chosen = choose_batch(describe_gpu("GPU", (8, 0), int(gigabytes * 1e9)))

    assert chosen.effective_batch == 32
    assert 3 + 0.3 * chosen.micro_batch_size <= 0.9 * gigabytes
