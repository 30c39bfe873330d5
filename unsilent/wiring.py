"""Every check before the first step: what is trainable, in the optimizer, in the labels, in which precision.

The checks themselves stand in ``trainable``, ``optimization``, ``rows``, ``precision`` and ``memory``; here they are
asked together, of whatever could be had of a run. They look and change nothing: random state, order of data, buffers
and gradients are what they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .adapted import predicts_next_token, unwrapped
from .memory import check_batch
from .optimization import check_lr, check_optimizer
from .outcome import skipped
from .precision import check_fp16, check_overflow
from .rows import check_rows
from .samples import Sample, read_sample
from .trainable import check_checkpointing, check_coverage, check_frozen_adapter, check_frozen_base

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "wiring"


@dataclass(frozen=True)
class Run:
    """What is known of a run before its first step; None where something is not.

    Attributes:
        model: What will be trained, on its device, in training mode.
        optimizer: What will train it.
        scheduler: Its schedule.
        scaler: Its gradient scaler.
        arguments: ``TrainingArguments``, or anything with some of its names.
        dataset: Rows, before the collator.
        collate: Turns a list of rows into a batch.
        tokenizer: For the identities of special tokens.
        max_steps: Optimizer steps; 0 where nobody knows.
        sample: Of the rows, where they were looked at already.
        has_own_loss: The loss is computed by somebody's own code, from labels that may rightly be shifted already.
    """

    model: torch.nn.Module
    optimizer: Any = None
    scheduler: Any = None
    scaler: Any = None
    arguments: Any = None
    dataset: Any = None
    collate: Callable[[list[Any]], Any] | None = None
    tokenizer: Any = None
    max_steps: int = 0
    sample: Sample | None = None
    has_own_loss: bool = False


def check_wiring(run: Run) -> list[Outcome]:
    """Ask every check before the first step; what cannot be asked is skipped with its reason."""
    model = unwrapped(run.model)
    if not predicts_next_token(model):
        sample = Sample(reason="not a causal language model: its labels mean something else")
    elif run.dataset is None or run.collate is None:
        sample = Sample(reason="no data set with a collator could be seen", tokenizer=run.tokenizer)
    else:
        sample = run.sample or read_sample(run.dataset, run.collate, tokenizer=run.tokenizer)
    longest = max(sample.rows, key=lambda row: len(row.ids)).batch if sample.rows else None
    outcomes = [
        check_frozen_adapter(model),
        check_frozen_base(model),
        check_coverage(model),
        check_checkpointing(model),
        check_optimizer(model, run.optimizer),
        check_lr(model, run.optimizer, run.scheduler, max_steps=run.max_steps),
        *check_rows(
            sample,
            model=None if getattr(run.arguments, "label_smoothing_factor", 0) else model,  # Trainer's own loss then
            max_length=getattr(run.arguments, "max_length", None),
            eos=_ends(run.tokenizer, model),
        ),
        check_fp16(model, arguments=run.arguments, scaler=run.scaler),
        check_overflow(model, longest, arguments=run.arguments),
    ]
    if run.has_own_loss:
        own = skipped("labels-preshifted", STAGE, "the loss is computed by code of one's own, which may not shift")
        outcomes = [own if outcome.slug == own.slug and outcome.status == "failed" else outcome for outcome in outcomes]
    return [*outcomes, _check_plan(run, longest)]


def _ends(tokenizer: Any, model: Any) -> list[int] | None:  # noqa: ANN401
    """Every token that ends generation: a chat model may end its turns with another one than the tokenizer's."""
    own = getattr(tokenizer, "eos_token_id", None)
    others = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    if own is None:
        return None  # a model's default says little without a tokenizer that knows the token
    return [own, *([others] if isinstance(others, int) else others or ())]


def _check_plan(run: Run, longest: Any) -> Outcome:  # noqa: ANN401 - a batch of one row
    """[micro-batch-too-large] Hold the Trainer's own plan to the memory of the device."""
    rows = getattr(run.arguments, "per_device_train_batch_size", None)
    if rows is None or longest is None:
        return skipped("micro-batch-too-large", STAGE, "the batch plan or its rows could not be seen")
    return check_batch(
        unwrapped(run.model),
        longest,
        micro_batch_size=rows,
        accumulation_steps=getattr(run.arguments, "gradient_accumulation_steps", 1),
    )
