"""Watches a Trainer: the wiring before the first step, then every step before it is taken.

    TrainingGuard().attach(trainer)          # Trainer, or TRL's SFTTrainer: sees the raw loss and the labels
    trainer.train()

    Trainer(..., callbacks=[TrainingGuard()])    # sees what passes through the model itself

A finding stops the run with ``FailureFound`` before ``optimizer.step``, weights and optimizer clean; with
``on_finding="warn"`` it is said once and the run goes on. Everything the guard has put on model and trainer is taken
away when training ends, however it ends.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from .meeting import announce
from .monitor import WATCHED, OnFinding, StepMonitor
from .outcome import Report, skipped
from .ranks import SLUG, facts_of
from .run_keeping import RunKeeper, find_checkpoint
from .run_rows import look_at_rows
from .wiring import Run, check_wiring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from .outcome import Outcome

UNSEEN = ("nan-masked", "zero-loss")  # need the loss as the Trainer computed it


class TrainingGuard(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """A callback that finds every failure of the stages wiring and guard at the first step where it exists.

    Attributes:
        monitor: Of the run in progress, or of the last one; None before training.
        report: Every outcome: what was found, what is in order, what could not be seen and why.
    """

    def __init__(
        self, *, on_finding: OnFinding = "stop", wiring: bool = True, rerun: bool = True, ranks: bool = True
    ) -> None:
        """Choose what a finding does.

        Args:
            on_finding: ``stop`` or ``warn``.
            wiring: Look at model, optimizer, schedule and a few rows before the first step.
            rerun: After a NaN, run that batch forward once more to name the module that made it.
            ranks: Watch together with the other processes of a group; False where each trains something of its own.

        Raises:
            ValueError: Another word than ``stop`` or ``warn``.
        """
        if on_finding not in {"stop", "warn"}:
            raise ValueError(f"Expected on_finding to be 'stop' or 'warn', but got {on_finding!r}.")
        self.on_finding = on_finding
        self.wiring = wiring
        self.rerun = rerun
        self.ranks = ranks
        self.monitor: StepMonitor | None = None
        self._watching: Any = None  # the monitor, from the beginning of training on
        self._trainer: Any = None
        self._keeper = RunKeeper()
        self._before: list[Outcome] = []
        self._wrappers: dict[str, _Around] = {}
        self._in_step = False
        self._raw: torch.Tensor | None = None

    def attach(self, trainer: Any) -> TrainingGuard:  # noqa: ANN401 - Trainer is untyped
        """Watch a trainer's loss and labels too, and clean up however its training ends.

        Args:
            trainer: transformers' ``Trainer`` or a subclass, such as TRL's ``SFTTrainer``; before ``train()``.

        Returns:
            The guard itself.
        """
        if self not in trainer.callback_handler.callbacks:
            trainer.add_callback(self)
        self._trainer = trainer
        if self.ranks:
            announce()
        trainer.train = _Watched(self, trainer, vars(trainer).get("train"))
        return self

    def goes_on_from(self, checkpoint: Path | None) -> None:
        """Know the checkpoint that the coming run goes on from; None where it begins anew, or that is not seen."""
        self._keeper.checkpoint = checkpoint

    @property
    def report(self) -> Report:
        """What was found, what is in order, and what could not be seen."""
        outcomes = list(self._before)
        if self.monitor:
            before = {outcome.slug for outcome in outcomes if outcome.status == "failed"}
            outcomes += [outcome for outcome in self.monitor.outcomes if outcome.slug not in before]
            in_order = self.monitor.passed()
            if self._trainer is None:
                reason = "as a plain callback the loss cannot be seen as the Trainer computes it: attach(trainer)"
                outcomes += [skipped(one.slug, one.stage, reason) for one in in_order if one.slug in UNSEEN]
                in_order = [one for one in in_order if one.slug not in UNSEEN]
            outcomes += in_order
            if not any(one.slug == SLUG for one in outcomes):
                outcomes.append(self.monitor.ranks.settled(self.monitor.step - 1))
            if not self.monitor.judged and not self.monitor.outcomes:
                outcomes += [skipped(slug, "guard", "no step was taken") for slug in WATCHED]
        return Report("training run", tuple(outcomes))

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ANN401, ARG002 - transformers
        """Check the wiring, then put hooks on the model."""
        model, optimizer, scheduler = given["model"], given.get("optimizer"), given.get("lr_scheduler")
        self.let_go()
        scaler = getattr(optimizer, "scaler", None)
        self.monitor = self._watching = StepMonitor(
            model,
            optimizer,
            scheduler,
            scaler,
            on_finding=self.on_finding,
            max_steps=state.max_steps,
            hides_nan=bool(getattr(args, "logging_nan_inf_filter", False)),
            rerun=self.rerun,
            ranks=self.ranks,
        )
        self.monitor.step = state.global_step + 1
        if self.wiring:
            loader = given.get("train_dataloader")
            loader = getattr(loader, "base_dataloader", loader)  # as accelerate wraps it
            dataset, collate = (getattr(loader, name, None) for name in ("dataset", "collate_fn"))
            tokenizer, sample, rows = given.get("processing_class"), None, None
            if dataset is not None and collate is not None:
                sample, rows = look_at_rows(dataset, collate, tokenizer)
            self._before = check_wiring(
                Run(
                    model,
                    optimizer,
                    scheduler,
                    scaler,
                    args,
                    dataset=dataset,
                    collate=collate,
                    tokenizer=tokenizer,
                    max_steps=state.max_steps,
                    sample=sample,
                    has_own_loss=_has_own_loss(self._trainer),
                )
            )
            self._before.append(self._keeper.begin(args, state, given, rows, scaled=scaler is not None))
        self.monitor.tell_before(self._before, facts_of(args, state, given.get("train_dataloader")))
        if self._trainer is not None:
            self._wrap("compute_loss", self._seeing_loss)
            self._wrap("training_step", self._seeing_step)

    def on_substep_end(self, *_: object, **__: object) -> None:
        """A micro-batch is done; attached, it was seen already."""
        if self._trainer is None:
            self._watching.after_backward()

    def on_pre_optimizer_step(self, *_: object, **__: object) -> None:
        """Judge the step before it is taken."""
        if self._trainer is None:
            self._watching.after_backward()
        self._watching.before_step()

    def on_optimizer_step(self, *_: object, **__: object) -> None:
        """The optimizer has stepped."""
        self._watching.after_step()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ANN401, ARG002 - transformers
        """What a checkpoint is about to hold belongs to this step."""
        self._keeper.before_saving(state, control, given["model"], given.get("optimizer"))

    on_epoch_end = on_step_end

    def on_train_end(self, *_: object, **__: object) -> None:
        """Settle what would have waited for another step, and let go of everything."""
        try:
            self._watching.finish()
        finally:
            self.let_go()

    def _wrap(self, name: str, around: Callable[..., Any]) -> None:
        """Put ``around`` before a method of the trainer; what somebody had put there stays within."""
        wrapper = _Around(around, getattr(self._trainer, name), vars(self._trainer).get(name))
        self._wrappers[name] = wrapper
        setattr(self._trainer, name, wrapper)

    def _seeing_loss(self, compute_loss: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The loss as the Trainer computes it; not that of an evaluation."""
        result = compute_loss(*args, **kwargs)
        if self._in_step:
            self._raw = result[0] if isinstance(result, tuple) else result
        return result

    def _seeing_step(self, training_step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """One micro-batch, forward and backward."""
        inputs: Any = kwargs.get("inputs", args[1] if len(args) > 1 else None)
        labels = inputs.get("labels") if hasattr(inputs, "get") else None
        self._in_step = True
        try:
            self._watching.see_labels(labels)
            share = training_step(*args, **kwargs)
            self._watching.after_backward(self._raw if self._raw is not None else share, share=share)
        finally:
            self._in_step, self._raw = False, None
        return share

    def let_go(self) -> None:
        """Take hooks and wrappers away."""
        if self.monitor:
            self.monitor.close()
        for name, wrapper in self._wrappers.items():
            wrapper.is_over = True
            top = vars(self._trainer).get(name)
            while isinstance(top, _Around) and top.is_over:  # another guard's may be on top, and takes ours along
                top = top.before
            if top is None:
                vars(self._trainer).pop(name, None)
            else:
                setattr(self._trainer, name, top)
        self._wrappers.clear()


class _Around:
    """A method of a trainer with a guard before it; knows what stood there before."""

    def __init__(
        self, around: Callable[..., Any], inner: Callable[..., Any], before: Callable[..., Any] | None
    ) -> None:
        """Look like the method."""
        functools.update_wrapper(self, inner)
        self.around = around
        self.inner = inner
        self.before = before
        self.is_over = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes and returns
        """Pass through the guard, as long as it watches."""
        return self.inner(*args, **kwargs) if self.is_over else self.around(self.inner, *args, **kwargs)


def _has_own_loss(trainer: Any) -> bool:  # noqa: ANN401
    """Whether a Trainer computes its loss by code of its user's, of which nobody knows whether it shifts labels."""
    if trainer is None:
        return False
    home = getattr(getattr(type(trainer), "compute_loss", None), "__module__", "").partition(".")[0]
    own = home not in {"transformers", "trl"} or "compute_loss" in vars(trainer)
    return own or getattr(trainer, "compute_loss_func", None) is not None


class _Watched:
    """``trainer.train`` that lets go however it ends; an object, so that a copied trainer trains the copy."""

    def __init__(self, guard: TrainingGuard, trainer: Any, before: Callable[..., Any] | None) -> None:  # noqa: ANN401
        """Remember whose it is, and what stood there before."""
        self.guard = guard
        self.trainer = trainer
        self.before = before

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever train takes and returns
        """Train, and take everything away."""
        train = self.before or functools.partial(type(self.trainer).train, self.trainer)
        self.guard.goes_on_from(find_checkpoint(self.trainer, args, kwargs))
        try:
            return train(*args, **kwargs)
        finally:
            self.guard.let_go()
            self.guard.goes_on_from(None)
