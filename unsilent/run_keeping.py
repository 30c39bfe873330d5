"""What a guard keeps of a Trainer's run in its checkpoints, and compares when the run goes on.

Apart from the check itself, which knows no Trainer: here is where a Trainer has its checkpoint, its place in the data
and its state. The record lies in ``trainer_state.json`` under ``stateful_callbacks`` and is made of plain values;
hashes of the trained weights and of the optimizer's moments are added at a step that will be saved. Nothing else is
touched.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .randomness import plain_attributes
from .resumed_files import STATE, kept_record, read_state
from .resumed_records import Resumed
from .resumption import check_resumption
from .run_identity import KEY, describe_run, fingerprint_moments, fingerprint_trained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .outcome import Outcome


class RunKeeper:
    """Keeps the record of one run, and compares it with that of the run which it goes on from.

    Attributes:
        checkpoint: The folder that ``trainer.train`` was told to go on from; None where that is not seen.
    """

    def __init__(self) -> None:
        self.checkpoint: Path | None = None
        self._record: dict[str, object] | None = None
        self._collate: Any = None
        self._state_of_collate: list[tuple[str, object]] = []

    def begin(
        self,
        arguments: Any,  # noqa: ANN401
        state: Any,  # noqa: ANN401
        given: Mapping[str, Any],
        rows: Mapping[str, object] | None = None,
        *,
        scaled: bool,
    ) -> Outcome:
        """Check, before the first step, whether a run goes on where it stopped; then keep what it is.

        Args:
            arguments: ``TrainingArguments``.
            state: ``TrainerState``, as the checkpoint had it where there is one.
            given: What a callback is given beside them.
            rows: What ``describe_rows`` says of the data set, where it was asked already.
            scaled: A gradient scaler is at work.
        """
        loader = given.get("train_dataloader")
        inner = getattr(loader, "base_dataloader", loader)  # as accelerate wraps it
        self._collate = getattr(inner, "collate_fn", None)
        self._state_of_collate = plain_attributes(self._collate)
        before = kept_record({"stateful_callbacks": getattr(state, "stateful_callbacks", None)})
        steps = _steps_per_epoch(loader, arguments)
        now = describe_run(
            given["model"],
            arguments=arguments,
            dataset=getattr(inner, "dataset", None),
            rows=rows,
            collate=self._collate,
            sampler=getattr(inner, "sampler", None),
            optimizer=given.get("optimizer"),
            rows_per_step=_rows_per_step(loader, arguments),
            steps_per_epoch=steps[0] if steps else None,
            max_steps=state.max_steps,
        )
        outcome = check_resumption(
            Resumed(
                given["model"],
                state.global_step,
                given.get("optimizer"),
                given.get("lr_scheduler"),
                scaled=scaled,
                arguments=arguments,
                epoch=state.epoch,
                steps_per_epoch=steps,
                max_steps=state.max_steps,
                checkpoint=self.checkpoint or _named_by_arguments(arguments, state.global_step),
                before=before,
                now=now,
            )
        )
        self._record = None
        if isinstance(getattr(state, "stateful_callbacks", None), dict):
            self._record = now
            # as transformers writes the state of a callback; it looks for no callback of that name unless told to
            state.stateful_callbacks[KEY] = {"args": {}, "attributes": now}
        return outcome

    def before_saving(self, state: Any, control: Any, model: Any, optimizer: Any = None) -> None:  # noqa: ANN401
        """At a step that will be saved, keep which weights and moments belong to it."""
        if self._record is not None and getattr(control, "should_save", False):
            self._record["weights_step"] = state.global_step
            self._record["weights"] = fingerprint_trained(model)
            self._record["moments"] = fingerprint_moments(optimizer)
            if plain_attributes(self._collate) != self._state_of_collate:
                self._record.pop("collated", None)  # it counts its calls or is told the step, and makes other batches


def find_checkpoint(trainer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Path | None:  # noqa: ANN401
    """The folder that ``trainer.train(*args, **kwargs)`` goes on from; None where it begins anew."""
    asked = args[0] if args else kwargs.get("resume_from_checkpoint")
    if asked is True:
        from transformers.trainer_utils import get_last_checkpoint  # noqa: PLC0415

        folder = trainer.args.output_dir
        asked = get_last_checkpoint(folder) if Path(folder).is_dir() else None
    return Path(asked) if isinstance(asked, str | os.PathLike) else None


def _named_by_arguments(arguments: Any, global_step: int) -> Path | None:  # noqa: ANN401
    """What scripts pass to ``train``, where the step fits: a plain callback does not see the call."""
    named = getattr(arguments, "resume_from_checkpoint", None)
    if not isinstance(named, str) or not global_step or not (Path(named) / STATE).is_file():
        return None
    return Path(named) if read_state(Path(named)).get("global_step") == global_step else None


def _batches(loader: Any) -> int:  # noqa: ANN401
    try:
        return len(loader)
    except TypeError:  # a stream
        return 0


def _steps_per_epoch(loader: Any, arguments: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """Optimizer steps and micro-batches of an epoch, as Trainer counts them."""
    batches = _batches(loader)
    if not batches:
        return None
    accumulated = arguments.gradient_accumulation_steps
    return -(-batches // accumulated), batches


def _rows_per_step(loader: Any, arguments: Any) -> int | None:  # noqa: ANN401
    """Rows of one optimizer step, over micro-batches and processes."""
    try:
        rows = loader.total_batch_size * arguments.gradient_accumulation_steps
    except (AttributeError, TypeError):
        return None
    return int(rows)
