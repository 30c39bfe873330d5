"""Scenarios for several real processes, all in one start of them: starting a process costs seconds, a scenario none.

    PYTHONPATH=. torchrun --nproc_per_node 2 tests/ranked.py results.json [gloo|nccl] [scenario ...]

Each scenario is a function that every rank runs and whose dictionary every rank returns. What they returned is written
by rank 0, as a list in the order of ranks under the name of the scenario. Tests read it; they start nothing.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faults
import torch
import torch.distributed as dist
import trainers

from unsilent import StepMonitor, meeting
from unsilent.fingerprints import fingerprint, named_fingerprints
from unsilent.outcome import FailureFound, plain

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 5
ROWS = 4  # of a rank, each step


def device() -> torch.device:
    """Where this rank computes."""
    return torch.device("cuda", dist.get_rank()) if dist.get_backend() == "nccl" else torch.device("cpu")


def bits(model: torch.nn.Module) -> str:
    """One word for every bit of what is trained."""
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    return str(named_fingerprints(list(weights), fingerprint(weights.values()).flatten().tolist()))


def batch_of(step: int, *, masked: bool = False) -> dict[str, torch.Tensor]:
    """Other rows for every rank and step."""
    number = step * dist.get_world_size() + dist.get_rank()
    rows = trainers.counting_rows(ROWS * (number + 1))[ROWS * number :]
    batch = {name: torch.tensor([row[name] for row in rows], device=device()) for name in ("input_ids", "labels")}
    if masked:
        batch["labels"][:] = -100
    return batch


def loop(  # noqa: PLR0913 - what a loop has
    *,
    watched: bool = True,
    averaged: bool = True,
    spoilt: bool = False,
    masked_at: int = -1,
    lr: float = 1e-2,
    scaled: bool = False,
    **options: Any,  # noqa: ANN401 - for the monitor
) -> dict[str, Any]:
    """Train a tiny adapter on every rank under a monitor; what was found, and what is left of the weights."""
    model = trainers.fresh_adapter().to(device())
    if spoilt:
        faults.spoil_one_rank(model, trainers.MIDDLE, backward=1 if scaled else 3, this=dist.get_rank())
    trained: Any = torch.nn.parallel.DistributedDataParallel(model) if averaged else model
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=lr)
    scaler: Any = torch.amp.GradScaler(device().type) if scaled else None
    monitor = StepMonitor(trained, optimizer, scaler=scaler, **options) if watched else None
    said: dict[str, Any] = {"found": "", "losses": []}
    try:
        for step in range(STEPS):
            said["before"] = bits(model)
            loss = trained(**batch_of(step, masked=step == masked_at)).loss
            (scaler.scale(loss) if scaler else loss).backward()
            said["losses"].append(float(loss.detach()))
            if monitor:
                monitor.after_backward(loss)
                monitor.before_step()
            if scaler:
                scaler.step(optimizer)
                scaler.update()
            else:
                optimizer.step()
            if monitor:
                monitor.after_step()
            optimizer.zero_grad()
        if monitor:
            monitor.finish()
    except FailureFound as found:
        said |= describe(found)
    finally:
        if monitor:
            monitor.close()
            said["why not"] = monitor.ranks.why_not
            said["passed"] = [outcome.slug for outcome in monitor.passed()]
            said["findings"] = [finding.slug for finding in monitor.findings]
    return said | {"bits": bits(model), "finite": all(bool(weight.isfinite().all()) for weight in model.parameters())}


def describe(found: FailureFound) -> dict[str, Any]:
    """What was raised, in plain values."""
    return {
        "found": found.failure.slug,
        "step": found.step,
        "message": found.outcome.message,
        "symptoms": list(found.outcome.symptoms),
        "evidence": plain(found.evidence),
    }


def train(rows: Any = None, *, spoilt: bool = False, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """The same with a Trainer and a guard."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"use_cpu": device().type == "cpu", "ddp_find_unused_parameters": False}
        trainer = trainers.make_trainer(Path(folder), None, rows, **own | options)
        if spoilt:
            faults.spoil_one_rank(trainer.model, trainers.MIDDLE, backward=3, this=dist.get_rank())
        try:
            guard = trainers.guarded(trainer)
        except FailureFound as found:
            return describe(found) | {"finite": all(bool(one.isfinite().all()) for one in trainer.model.parameters())}
        outcomes = {outcome.slug: outcome.status for outcome in guard.report.outcomes}
        return {"found": "", "bits": bits(trainer.model), "ranks-disagree": outcomes.get("ranks-disagree")}


def warned() -> dict[str, Any]:
    """A finding that is only said, once on every rank."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        said = loop(spoilt=True, on_finding="warn", rerun=False)
    return said | {"warnings": [str(one.message) for one in caught if "nan-grad-norm" in str(one.message)]}


def on_one_rank(**options: Any) -> dict[str, Any]:  # noqa: ANN401 - of loop
    """A monitor on rank 0 alone, and short patience."""
    patience, meeting.PATIENCE = meeting.PATIENCE, 0.5
    try:
        return loop(watched=dist.get_rank() == 0, **options)
    finally:
        meeting.PATIENCE = patience


def uneven() -> dict[str, Any]:
    """A loader of one's own for each rank, and fewer batches on rank 1."""
    rows = trainers.counting_rows(64 if dist.get_rank() == 0 else 40)
    return train(rows, max_steps=12)


def evaluated() -> dict[str, Any]:
    """Questions that are answered by all ranks together."""
    from homework.processes import AnswersTogether, Processes

    questions = [f"question {number}" for number in range(7)]
    asked: list[str] = []

    class Knows:
        def answer(self, *some: str) -> list[float]:
            asked.extend(some)
            return [float(one.split()[1]) if one != "question 3" else math.nan for one in some]

    answers = AnswersTogether(Knows(), Processes.of_this_run()).answer(*questions)
    return {"answers": [str(one) for one in answers], "asked": asked}


def refused() -> dict[str, Any]:
    """Rank 0 is told that something cannot be used while the others wait, and then returns something."""
    from homework.errors import OptionInvalid
    from homework.processes import Processes, on_first

    def refuse() -> None:
        raise OptionInvalid(expected="a", got="b", where=f"rank {dist.get_rank()}", action="c")

    processes = Processes.of_this_run()
    try:
        on_first(processes, refuse)
    except OptionInvalid as error:
        value = on_first(processes, lambda: dist.get_rank() + 40)
        return {"where": error.where, "notes": getattr(error, "__notes__", []), "value": value}
    return {}


class ProgramEnded(Exception):
    """Pickled by its words, of which it cannot be made again."""

    def __init__(self, program: str, *, status: int) -> None:
        """Say which program ended how."""
        super().__init__(f"{program} ended with status {status}")


def failed() -> dict[str, Any]:
    """Rank 0 meets an error that no other process can be sent."""
    from homework.processes import Processes, on_first

    def fail() -> None:
        raise ProgramEnded("a program", status=3)

    try:
        on_first(Processes.of_this_run(), fail)
    except (ProgramEnded, RuntimeError) as error:
        return {"kind": type(error).__name__, "words": str(error)}
    return {}


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    "healthy": loop,
    "healthy, unwatched": lambda: loop(watched=False),
    "nan on rank 1": lambda: loop(spoilt=True),
    "nan on rank 1, unwatched": lambda: loop(spoilt=True, watched=False),
    "nan on rank 1, warned": warned,
    "masked on rank 1": lambda: loop(masked_at=1 if dist.get_rank() == 1 else -1),
    "not averaged": lambda: loop(averaged=False),
    "not averaged, unwatched": lambda: loop(averaged=False, watched=False),
    "other learning rate": lambda: loop(lr=1e-2 * (1 + dist.get_rank())),
    "watched on rank 0": on_one_rank,
    "skipped by the scaler": lambda: loop(spoilt=True, scaled=True),
    "skipped by the scaler, watched on rank 0": lambda: on_one_rank(spoilt=True, scaled=True),
    "trainer": train,
    "trainer, nan on rank 1": lambda: train(spoilt=True),
    "trainer, uneven": uneven,
    "evaluated": evaluated,
    "refused": refused,
    "failed": failed,
}


def main(target: str, backend: str = "gloo", *wanted: str) -> None:
    """Run every scenario on every rank and write what they returned."""
    torch.set_num_threads(1)
    if backend == "nccl":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(backend)
    results: dict[str, list[Any]] = {}
    for name in wanted or SCENARIOS:
        said: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(said, SCENARIOS[name]())
        results[name] = said
    if dist.get_rank() == 0:
        Path(target).write_text(json.dumps(results, indent=1))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
