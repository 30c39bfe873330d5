"""Does a resumed run go on where it stopped? Optimizer, schedule, step, rows, seed, base, adapter, precision.

    TrainingGuard().attach(trainer)
    trainer.train(resume_from_checkpoint=True)      # the guard looks before the first step

Trainer restores what it finds and says nothing of the rest; what was changed between two calls it takes as it comes, or
ignores it. What can be told without help is told from the optimizer, the schedule, the place in the data and the
arguments that Trainer has left in the checkpoint; the rest by comparing with what a guard has kept there, see
``run_identity``. A loop of one's own calls ``check_resumption`` with what it has. Nothing is repaired: what to do
depends on what was meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .outcome import failed, passed, skipped
from .resumed_files import (
    Difference,
    changed_settings,
    changed_weights,
    kept_record,
    missing_files,
    read_state,
    unfinished_twin,
)
from .resumed_records import Findings, Resumed, compare_record

if TYPE_CHECKING:
    from .failures import Stage
    from .outcome import Outcome

SLUG = "resume-mismatch"
STAGE: Stage = "wiring"
SAME_RATE = 1e-6  # relative; a schedule computes the same rate twice to the last bit, JSON keeps it
SAME_PLACE = 1e-6  # epochs; Trainer adds up to 1e5 steps of an epoch in doubles
PROBES = 20  # of the steps to come, to see whether a schedule depends on the length of the run

# Optimizers that keep something for each weight, by a part of their name; those with a step count say how many it took.
STATEFUL = ("adam", "adafactor", "rmsprop", "adagrad", "lion", "lamb")

PLACE = ("rows", "rows_per_step", "steps_per_epoch")  # with these the same, a step is the same place in the data
OF_THE_RUN = ("rows", "rows_hash", "seed", "max_steps")  # what one that begins anew by mistake has in common


def check_resumption(run: Resumed) -> Outcome:
    """[resume-mismatch] Compare a run that goes on with the one that stopped.

    Args:
        run: What is known of it.

    Returns:
        Failed with every difference as evidence. A run that begins at step 0 is skipped, unless its adapter is that of
        the last checkpoint of an unfinished run in its own output folder while the optimizer is new.
    """
    found = Findings()
    if run.global_step == 0 and run.checkpoint is None:
        return _check_beginning(run)
    _compare_optimizer(run, found)
    _compare_schedule(run, found)
    _compare_place(run, found)
    _compare_checkpoint(run, found)
    compare_record(run, found)
    said = "; ".join([*found.noticed, *(f"not compared: {reason}" for reason in found.unknown)])
    if not found.differences:
        return passed(SLUG, STAGE, said)
    return _finding(run, found.differences, said)


def _finding(run: Resumed, differing: list[Difference], said: str = "") -> Outcome:
    got = "; ".join(map(str, differing))
    where = f"step {run.global_step}" + (f", {run.checkpoint}" if run.checkpoint else "")
    evidence = {
        "global_step": run.global_step,
        "differences": {one.what: {"before": one.before, "now": one.now} for one in differing},
        **({"noticed": said} if said else {}),
    }
    message = (
        f"Expected a run that goes on where it stopped, but got {len(differing)} things that are not as they were: "
        f"{got}. Where: {where}. What to do: resume from a whole checkpoint with the arguments, rows and base of the "
        "run that wrote it; or begin a run of its own, with an output folder of its own, from its adapter."
    )
    return failed(SLUG, STAGE, message, evidence, step=0)


def _check_beginning(run: Resumed) -> Outcome:
    """Look for the run that was meant to go on, and began anew: its weights, without its optimizer."""
    folder = getattr(run.arguments, "output_dir", None)
    new = skipped(SLUG, STAGE, "the run begins at step 0: there is nothing that it goes on from")
    if not folder or run.optimizer is None or getattr(run.optimizer, "state", None):
        return new
    twin = unfinished_twin(Path(folder), run.model)
    if twin is None:
        return new
    checkpoint, state = twin
    record = kept_record(state)
    others = [name for name in OF_THE_RUN if name in record and name in run.now and record[name] != run.now[name]]
    if others:
        words = f"the run begins at step 0, from the adapter of {checkpoint.name}, as one of its own: with another "
        return skipped(SLUG, STAGE, words + ", ".join(others))
    before = f"step {state['global_step']} of {state['max_steps']} in {checkpoint.name}"
    effect = (
        "the adapter is that of the checkpoint, while optimizer, schedule and rows begin anew; "
        "train(resume_from_checkpoint=...) restores them"
    )
    return _finding(run, [Difference("global_step", before, 0, effect)])


def _compare_optimizer(run: Resumed, found: Findings) -> None:
    """Its state, and the steps that it counts."""
    inner = getattr(run.optimizer, "optimizer", run.optimizer)
    states = getattr(inner, "state", None)
    if inner is None or not hasattr(states, "values"):
        found.unknown.append("the optimizer, whose state cannot be seen")
        return
    name = type(inner).__name__
    if not states:
        keeps = any(part in name.lower() for part in STATEFUL) or any(
            group.get("momentum") for group in getattr(inner, "param_groups", ())
        )
        if keeps:
            effect = "first and second moments begin anew"
            found.differences.append(Difference("state of the optimizer", f"{run.global_step} steps", "empty", effect))
        else:
            found.unknown.append(f"the optimizer, as {name} may keep no state")
        return
    counts = [float(state["step"]) for state in states.values() if isinstance(state, dict) and "step" in state]
    if not counts:
        found.unknown.append(f"the steps of the optimizer, as {name} does not count them")
        return
    count = int(max(counts))  # a weight that had no gradient counts fewer
    if count > run.global_step or (count < run.global_step and not (run.scaled and count)):
        effect = "its state is that of another checkpoint"
        found.differences.append(Difference("steps of the optimizer", run.global_step, count, effect))


def _compare_schedule(run: Resumed, found: Findings) -> None:
    """The steps that it counts, and whether it gives at this step the rate that was restored."""
    scheduler = run.scheduler
    count = getattr(scheduler, "last_epoch", None)
    name = type(scheduler).__name__
    if count is None or name in ("ReduceLROnPlateau", "AcceleratedScheduler"):
        found.unknown.append(f"the schedule, as {name} counts no steps" if scheduler else "the schedule")
        return
    if count != run.global_step and not (run.scaled and 0 < count < run.global_step):
        _judge_count(run, count, found)
        return
    lambdas = getattr(scheduler, "lr_lambdas", None)
    if not lambdas:
        found.unknown.append(f"the rates of the schedule, as {name} cannot be computed ahead")
        return
    groups = run.optimizer.param_groups if run.optimizer is not None else []
    rates = [(base * one(count), group["lr"])
             for base, one, group in zip(scheduler.base_lrs, lambdas, groups, strict=False)]  # fmt: skip
    off = [(float(is_now), float(was)) for is_now, was in rates if abs(is_now - was) > SAME_RATE * max(is_now, was)]
    old_length = _old_length(run)
    ended = old_length <= run.global_step if old_length else all(was == 0 for _, was in off)
    if off and ended:
        found.noticed.append(
            "a run that had ended goes on: its schedule is stretched, and the learning rate leaps from "
            f"{off[0][1]:.3g} to {off[0][0]:.3g}"
        )
    elif off and old_length and run.max_steps and old_length != run.max_steps:
        effect = f"the schedule is stretched, or cut: the learning rate leaps from {off[0][1]:.3g} to {off[0][0]:.3g}"
        found.differences.append(Difference("max_steps", old_length, run.max_steps, effect))
    elif off:
        effect = "the schedule is another: its kind or its warm-up has changed"
        effect += "" if old_length and run.max_steps else ", or max_steps"
        found.differences.append(Difference("learning rate at this step", off[0][1], off[0][0], effect))
    elif old_length and old_length != run.max_steps and not ended:
        ahead = range(count, max(run.max_steps, count + 1), max(1, (run.max_steps - count) // PROBES))
        if any(abs(one(step) - one(count)) > SAME_RATE for one in lambdas for step in ahead):
            effect = "the schedule is stretched, or cut"
            found.differences.append(Difference("max_steps", old_length, run.max_steps, effect))
        else:
            found.noticed.append(f"max_steps was {old_length} and is {run.max_steps}; the learning rate stays constant")


def _judge_count(run: Resumed, count: int, found: Findings) -> None:
    """A schedule that has not counted the steps: Trainer's does, that of a loop may count epochs, or what it likes."""
    if not hasattr(run.arguments, "lr_scheduler_type"):
        if run.epoch is not None and count == int(run.epoch + SAME_PLACE):
            found.noticed.append(f"the schedule counts whole epochs: {count}")
            return
        if count:
            found.unknown.append(f"the schedule, whose count of {count} is neither that of steps nor of epochs")
            return
    effect = "the learning rate begins anew" if count == 0 else "the learning rate is that of another step"
    found.differences.append(Difference("steps of the schedule", run.global_step, count, effect))


def _old_length(run: Resumed) -> int:
    """The steps that the run which stopped was to have; 0 where nobody knows."""
    length = run.before.get("max_steps") or read_state(run.checkpoint).get("max_steps")
    return length if isinstance(length, int) and length > 0 else 0


def _compare_place(run: Resumed, found: Findings) -> None:
    """Whether the step lies where the epochs say, with the rows and batches that there are now."""
    if run.epoch is None or run.steps_per_epoch is None:
        found.unknown.append("the place in the data, which could not be seen")
        return
    if getattr(run.arguments, "ignore_data_skip", False) and run.epoch % 1 > SAME_PLACE:
        effect = "this epoch begins anew: rows of it are seen twice"
        found.differences.append(Difference("ignore_data_skip", f"{run.epoch:g} epochs done", "True", effect))
    if all(run.before.get(name) and run.before[name] == run.now.get(name) for name in PLACE):
        return  # steps skip what they saw, however they were cut into micro-batches
    steps, batches = run.steps_per_epoch
    batches, accumulated = _former_cut(run, batches)
    whole, rest = divmod(run.global_step, steps)
    expected = whole + rest * accumulated / batches
    if abs(expected - run.epoch) > SAME_PLACE:
        effect = "rows, batch size, accumulation or processes have changed: other rows are skipped than were seen"
        found.differences.append(Difference("epochs at this step", round(run.epoch, 6), round(expected, 6), effect))


def _former_cut(run: Resumed, batches: int) -> tuple[int, int]:
    """Micro-batches of an epoch and of a step, as the run that stopped cut the rows and steps that there are now."""
    accumulated = getattr(run.arguments, "gradient_accumulation_steps", None) or 1
    then, is_now = read_state(run.checkpoint).get("train_batch_size"), getattr(run.arguments, "train_batch_size", None)
    rows, rows_per_step = run.now.get("rows"), run.now.get("rows_per_step")
    if not (then and is_now and rows and rows_per_step):
        return batches, accumulated
    at_once = then * rows_per_step // (is_now * accumulated)  # over all processes
    if then == is_now or not at_once or rows_per_step % at_once:
        return batches, accumulated
    drops = getattr(run.arguments, "dataloader_drop_last", False)
    return (rows // at_once if drops else -(-rows // at_once)), rows_per_step // at_once


def _compare_checkpoint(run: Resumed, found: Findings) -> None:
    """The folder itself."""
    if run.checkpoint is None:
        found.unknown.append("the files of the checkpoint, which is known to a guard that is attached")
        return
    found.differences += missing_files(run.checkpoint, run.arguments)
    found.differences += changed_settings(run.checkpoint, run.now)
    found.differences += changed_weights(run.checkpoint, run.model)
