"""What is known of a run that goes on, and what was written down of the one that stopped: by a guard, or by Trainer.

A guard's record names rows, base, adapter and the hashes of weights and moments. Where no guard has watched,
``training_args.bin`` still tells seeds, precision, batch plan, schedule and whatever else the arguments decide.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .kept_arguments import read_arguments
from .resumed_files import Difference
from .run_identity import describe_arguments, differences, fingerprint_moments, fingerprint_trained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

IGNORED = "Trainer restores the old one and ignores this one"
EFFECTS: Mapping[str, str] = {
    "seed": "rows come in another order: some are seen twice, others never",
    "data_seed": "rows come in another order: some are seen twice, others never",
    "rows": "steps skip other rows than were seen",
    "rows_hash": "these are other rows",
    "rows_per_step": "steps skip other rows than were seen, and each step weighs otherwise",
    "base": "the adapter was trained on other weights",
    "base_dtype": "the base computes in another precision",
    "trained": "the optimizer's state belongs to other weights",
    "precision": "the forward pass computes in another precision",
    "learning_rate": IGNORED,
    "schedule": "the learning rate leaves the line it was on",
    "optimizer": "what it has learnt of the gradients means something else",
    "collator": "batches are made otherwise of the same rows",
    "collated": "the same rows make another batch: other tokens, or other labels",
    "sampler": "rows come in another order: some are seen twice, others never",
    "train_sampling_strategy": "rows come in another order: some are seen twice, others never",
    "neftune_noise_alpha": "the embeddings get another noise",
    "label_smoothing_factor": "the loss is another",
    "loss_type": "the loss is another",
    "max_grad_norm": "gradients are clipped otherwise",
    "weight_decay": IGNORED,
    "adam_beta1": IGNORED,
    "adam_beta2": IGNORED,
    "adam_epsilon": IGNORED,
}


@dataclass(frozen=True)
class Resumed:
    """What is known of a run before its first step; None or empty where something is not.

    Attributes:
        model: What is trained.
        global_step: Optimizer steps that were taken; 0 at the beginning of a run.
        optimizer: With the state that was restored, or not.
        scheduler: Likewise.
        scaled: A gradient scaler skips steps on purpose: optimizer and schedule then count fewer.
        arguments: ``TrainingArguments``, or anything with some of their names.
        epoch: Epochs that were done, as the run that stopped had counted them.
        steps_per_epoch: Optimizer steps of an epoch, and micro-batches of an epoch, as they are now.
        max_steps: Of the whole run.
        checkpoint: The folder that it goes on from.
        before: What a guard kept of the run that stopped: ``run_identity.describe_run`` of that time.
        now: The same of this one.
    """

    model: Any
    global_step: int
    optimizer: Any = None
    scheduler: Any = None
    scaled: bool = False
    arguments: Any = None
    epoch: float | None = None
    steps_per_epoch: tuple[int, int] | None = None
    max_steps: int = 0
    checkpoint: Path | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    now: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Findings:
    """What the parts of the check found: differences, what could not be told and why, and what is no mistake."""

    differences: list[Difference] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)


def compare_record(run: Resumed, found: Findings) -> None:
    """What a guard kept, against what there is."""
    before = run.before or _former_arguments(run)
    if not run.before:
        unknown = "rows and base" if before else "seeds, rows, base and precision"
        found.unknown.append(f"{unknown}, as no guard watched the run that stopped")
    seen = {one.what for one in found.differences}
    changed = differences(before, run.now)
    if "collated" in before.keys() & run.now.keys() and "collated" not in changed:
        changed.pop("collator", None)  # by whatever name: it makes the same batch
    if "rows_hash" in changed:
        changed.pop("collated", None)  # other rows make other batches
    for name, (was, is_now) in changed.items():
        if name in EFFECTS or (name.startswith("adapter.") and name not in seen):
            effect = EFFECTS.get(name, "the weights that were learnt now count otherwise")
            found.differences.append(Difference(name, was, is_now, effect))
    if before.get("weights_step") == run.global_step:
        _compare_hashes(run, found)


def _former_arguments(run: Resumed) -> Mapping[str, object]:
    """What the arguments that Trainer left in the checkpoint say of the run that stopped, where no guard has."""
    kept = read_arguments(run.checkpoint) if run.checkpoint else {}
    if not kept:
        return {}
    found = describe_arguments(SimpleNamespace(**kept))
    rows = run.now.get("rows_per_step")
    then, is_now = _rows_at_once(kept.get), _rows_at_once(functools.partial(getattr, run.arguments))
    if then and is_now and rows:
        found["rows_per_step"] = rows * then // is_now  # with as many processes as there are now
    return found


def _rows_at_once(read: Callable[[str, object], object]) -> int:
    """Rows of a step in one process, as arguments have it; 0 where they do not say."""
    cut = [read(name, None) for name in ("per_device_train_batch_size", "gradient_accumulation_steps")]
    return math.prod(number for number in cut if isinstance(number, int)) if None not in cut else 0


def _compare_hashes(run: Resumed, found: Findings) -> None:
    """Weights and moments against those that were saved at this very step; shards have no hash."""
    before, seen = run.before, {one.what for one in found.differences}
    if before.get("weights") and "adapter weights" not in seen:
        weights = fingerprint_trained(run.model)
        if weights not in (None, before["weights"]):
            effect = "the weights are those of another step, or of another run"
            found.differences.append(Difference("trained weights", before["weights"], weights, effect))
    if before.get("moments") and not seen & {"state of the optimizer", "steps of the optimizer"}:
        moments = fingerprint_moments(run.optimizer)
        if moments not in (None, before["moments"]):
            effect = "its state is that of another step, or of another run"
            found.differences.append(Difference("moments of the optimizer", before["moments"], moments, effect))
