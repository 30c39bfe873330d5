"""Watches a training loop step by step and stops it before the harm is done.

    monitor = StepMonitor(model, optimizer, scheduler)
    for batch in batches:
        loss = model(**batch).loss
        loss.backward()
        monitor.after_backward(loss)
        monitor.before_step()      # raises FailureFound: weights and optimizer are clean
        optimizer.step()
        monitor.after_step()
    monitor.finish()               # settles what would have waited for another step
    monitor.close()

With accumulation ``after_backward`` is called for each micro-batch and the other two for each optimizer step. Watching
changes nothing, and reads from the device once a step. Several processes that train together are watched on every rank:
they stop together, with the same finding.
"""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import torch

from .adapted import predicts_next_token, tuner_parameters, unwrapped
from .broken_numbers import STAGE
from .forward_hooks import Hook, checkpointed, owners, part_of
from .gradients import GradientWatch
from .judgement import Judge
from .live import Live
from .meeting import ONE_PROCESS
from .movement import Movement
from .optimization import adapter_groups
from .outcome import FailureFound, FailureWarning, fold_symptoms, passed
from .rank_facts import RankFacts
from .ranks import BEGINNING, END, NOT_ASKED, STEP, Ranks
from .step_record import MicroBatch, StepRecord, read_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .outcome import Outcome

OnFinding = Literal["stop", "warn"]
# Steps after which the weights are watched anew until they move: a stop is found within about twice the steps before
# it, in a run of twelve steps as in a long one. Each costs one copy of the adapter and one comparison.
EARLY_REVIEWS = frozenset({5, 10, 20, 35})
REVIEW = 50  # and again after every so many
IGNORED = -100  # torch's cross entropy leaves labels of this value out

# What each rule looks for, so that a report can say what was found to be in order.
WATCHED = (
    "nan-grad-norm", "fp16-overflow", "nan-masked", "labels-all-masked", "zero-loss", "frozen-adapter",
    "checkpointing-detached", "optimizer-misses-adapter", "lr-zero", "weights-unchanged", "gradient-explosion",
    "loss-diverging",
)  # fmt: skip


class StepMonitor:
    """Looks at every backward pass and judges every optimizer step before it is taken.

    Attributes:
        findings: Every finding so far, roots with their symptoms, each failure once.
        step: The step that is being prepared, counted from 1.
        ranks: Of the processes that train together.
    """

    def __init__(  # noqa: PLR0913 - the contract's four, and five that are said by name
        self,
        model: torch.nn.Module,
        optimizer: Any,  # noqa: ANN401 - a torch optimizer, or a wrapper with param_groups
        scheduler: Any = None,  # noqa: ANN401 - a schedule of torch or transformers
        scaler: Any = None,  # noqa: ANN401 - a GradScaler
        *,
        on_finding: OnFinding = "stop",
        max_steps: int = 0,
        hides_nan: bool = False,
        rerun: bool = True,
        ranks: bool = True,
    ) -> None:
        """Put hooks on the model; ``close`` takes them away, and so does a finding that stops.

        Args:
            model: What is trained, in whatever wrapper.
            optimizer: What trains it.
            scheduler: Whose future decides whether a learning rate of 0 is a warm-up.
            scaler: The gradient scaler of an fp16 loop: steps that it skips on purpose are no finding.
            on_finding: ``stop`` raises ``FailureFound`` before the step; ``warn`` says it once and goes on.
            max_steps: Optimizer steps of the run; 0 where nobody knows.
            hides_nan: The loop logs a NaN loss as 0.0, as Trainer does by default.
            rerun: After a NaN, run that batch forward once more to name the first module that made it.
            ranks: Watch together with the other processes of a group; False where each trains something of its own.
        """
        inner = unwrapped(model)
        trainable = {
            name: weight
            for name, weight in inner.named_parameters()
            if weight.requires_grad and not torch.nn.parameter.is_lazy(weight)  # nothing is known of it yet
        }
        self.on_finding = on_finding
        self.findings: list[Outcome] = []
        self.outcomes: list[Outcome] = []
        self.step = 1
        self.judged = 0
        self._optimizer = optimizer
        self._scaler = scaler if scaler is not None and getattr(scaler, "is_enabled", lambda: True)() else None
        self._movement = Movement(trainable) if trainable else None
        self._live = Live(
            inner, optimizer, trainable, scheduler, max_steps, fresh=self._movement.fresh if self._movement else set(),
            adapter=tuner_parameters(inner), is_fp16=self._scaler is not None, hides_nan=hides_nan, rerun=rerun,
        )  # fmt: skip
        self._judge = Judge(self._live)
        self._gradients = GradientWatch(trainable)
        self._groups = adapter_groups(inner, optimizer) if getattr(optimizer, "param_groups", None) else []
        self._moved: torch.Tensor | None = None
        self.ranks = Ranks.around(trainable.values()) if ranks else Ranks(why_not=NOT_ASKED)
        self._facts = RankFacts(inner, trainable)
        self._micro_batches: list[MicroBatch] = []
        self._now = MicroBatch()
        self._batch: Mapping[str, Any] | None = None
        self._is_causal = predicts_next_token(inner)
        self._hooks = [inner.register_forward_hook(Hook(self._forward_done), with_kwargs=True)]
        regions = checkpointed(inner)
        self._first_hooks = [
            module.register_forward_pre_hook(Hook(self._executes(names, always=module in regions)))
            for module, names in owners(inner, trainable)
        ]
        self._gradients.start()

    def see_labels(self, labels: Any) -> None:  # noqa: ANN401 - whatever a batch holds under this name
        """Count the labels of the coming micro-batch, (B, T) with -100 where nothing is learnt.

        Those that the model is called with are seen without help, and count; these are for losses outside of it.
        """
        if isinstance(labels, torch.Tensor) and labels.dim() > 0 and not labels.is_floating_point():
            # nothing predicts the first token of a row
            counted = labels[:, 1:] if labels.dim() > 1 and labels.shape[1] > 1 and self._is_causal else labels
            self._now.supervised = (counted != IGNORED).sum()
            self._now.rows = labels.shape[0]

    def after_backward(
        self, loss: torch.Tensor | float | None = None, *, share: torch.Tensor | float | None = None
    ) -> None:
        """Take note of a micro-batch whose backward pass is done.

        Args:
            loss: As the loop computed it; None where it cannot be seen.
            share: What the loop adds to the loss of the step; None where that is ``loss`` or unknown.
        """
        self._now.loss = (
            loss.detach() if isinstance(loss, torch.Tensor) else loss if loss is not None else self._now.own_loss
        )
        self._now.share = share.detach() if isinstance(share, torch.Tensor) else share
        if isinstance(loss, torch.Tensor):
            self._now.constant = loss.grad_fn is None and loss.requires_grad
            self._now.connected = loss.requires_grad
        self._micro_batches.append(self._now)
        self._live.batches.append(self._batch)
        self._now, self._batch = MicroBatch(), None
        self._gradients.micro_batch += 1

    def before_step(self) -> None:
        """Judge the step that is about to be taken.

        Raises:
            FailureFound: With ``on_finding="stop"``; nothing has been changed yet, and no hook is left.
        """
        facts = self._beginning({}) if self.ranks.line and not self.ranks.has_compared else {}
        record = self._read()
        self.judged += 1
        if record.scaled:  # a scaler skips a step on every rank, whichever of them has overflowed
            record = replace(record, broken_elsewhere=self._is_broken_anywhere(bool(record.broken_gradients())))
        if record.moved:
            self._movement = None
        found = self._judge(record)
        if self.judged == 1:
            self._live.remember(record)
        for hook in self._first_hooks:
            hook.remove()
        self._first_hooks.clear()
        if (self.judged in EARLY_REVIEWS or self.judged % REVIEW == 0) and self._live.trainable:
            self._movement = Movement(self._live.trainable)  # an optimizer may stop later, too
            self._moved = None
            self._judge.look_again(self._movement.fresh, self.step)
        self._live.batches.clear()
        self.tell(self._agree(found, STEP, facts or self._facts.named(record.prints, with_gradients=True)))

    def after_step(self) -> None:
        """Take note that the optimizer has stepped, or should have."""
        self.step += 1
        self._moved = self._movement.moved() if self._movement else None
        self._facts.look(wanted=self.ranks.is_due(self.step - 1))

    def finish(self) -> None:
        """Settle, at the end of a run, what would have waited for another step.

        Raises:
            FailureFound: With ``on_finding="stop"``.
        """
        if self.judged:
            if self.ranks.line:
                self._facts.look()
            record = self._read()
            self.tell(self._agree(self._judge.ended(record), END, self._facts.named(record.prints)))

    def close(self) -> None:
        """Take every hook away."""
        self._gradients.stop()
        for hook in itertools.chain(self._hooks, self._first_hooks):
            hook.remove()
        self._hooks.clear()
        self._first_hooks.clear()
        self._movement = self._moved = None
        self._facts.look(wanted=False)

    def passed(self) -> list[Outcome]:
        """What was watched for at least one step, and not found."""
        found = {outcome.slug for outcome in self.outcomes}
        watched = [passed(slug, STAGE) for slug in WATCHED if self.judged and slug not in found]
        together = self.ranks.settled(self.step - 1)
        return [*watched, together] if together.status == "passed" and together.slug not in found else watched

    def tell_before(self, outcomes: list[Outcome], facts: Mapping[str, object] | None = None) -> None:
        """Keep what was found before the first step: errors stop like any other, a risk is said and no more.

        Args:
            outcomes: Of every check.
            facts: What else must be equal on all ranks, by name.

        Raises:
            FailureFound: With ``on_finding="stop"``.
        """
        found = fold_symptoms([outcome for outcome in outcomes if outcome.status == "failed"])
        for outcome in found:
            if outcome.failure.severity == "risk":
                warnings.warn(FailureWarning(str(FailureFound(outcome))), stacklevel=3)
        errors = [outcome for outcome in outcomes if outcome.status == "failed" and outcome.failure.severity == "error"]
        self.tell(self._agree(errors, BEGINNING, self._beginning(facts or {})))

    def tell(self, outcomes: list[Outcome]) -> None:
        """Keep findings that are new, and stop or warn.

        Raises:
            FailureFound: With ``on_finding="stop"``.
        """
        known = {outcome.slug for outcome in self.outcomes}
        fresh = [outcome for outcome in outcomes if outcome.slug not in known]
        if not fresh:
            return
        self.outcomes += fresh
        before = {finding.slug for finding in self.findings}
        self.findings = [outcome for outcome in fold_symptoms(self.outcomes) if outcome.status == "failed"]
        root = next((finding for finding in self.findings if finding.slug not in before), None)
        if root is None:
            return  # signs of what was said already
        if self.on_finding == "stop":
            self.close()
            raise FailureFound(root)
        warnings.warn(FailureWarning(str(FailureFound(root))), stacklevel=3)

    def _is_broken_anywhere(self, here: bool) -> bool:  # noqa: FBT001 - one flag is all there is
        """Whether some rank has overflown; one that cannot ask looks at its gradients, which are averaged by now."""
        alone = self.ranks.line is None and self.ranks.why_not != ONE_PROCESS
        return (here or not self._live.are_gradients_finite()) if alone else self.ranks.any(here)

    def _agree(self, found: list[Outcome], moment: str, facts: Mapping[str, object]) -> list[Outcome]:
        return self.ranks.agree(found, moment=moment, step=self.step, facts=facts)

    def _beginning(self, facts: Mapping[str, object]) -> Mapping[str, object]:
        """What must be equal before the first step; nothing where there is nobody to tell."""
        if self.ranks.line is None:
            return {}
        return {**facts, **self._facts.at_the_beginning(self._optimizer, self.on_finding, self._groups)}

    def _read(self) -> StepRecord:
        ones, self._micro_batches = self._micro_batches, []
        record = read_step(
            self.step,
            ones,
            self._gradients.take(),
            moved=self._moved,
            scale=getattr(self._scaler, "_scale", None) if self._scaler else None,
            lr=max((abs(float(group["lr"])) for group in self._groups), default=None),
            prints=self._facts.take(),
        )
        self._moved = None
        return record

    def _forward_done(
        self, module: torch.nn.Module, inputs: tuple[object, ...], keywords: Mapping[str, Any], output: Any  # noqa: ANN401
    ) -> None:  # fmt: skip
        """Keep what the model was given and gave itself, of a forward pass that will be trained on."""
        if not torch.is_grad_enabled():
            return
        self._batch = None if inputs else keywords
        self.see_labels(keywords.get("labels"))
        loss, logits = (part_of(output, name) for name in ("loss", "logits"))
        if loss is not None and loss.dim() == 0:
            self._now.own_loss = loss.detach()
        kind = next(module.parameters()).device.type
        self._live.by_autocast = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) is torch.float16
        self._live.is_fp16 |= self._live.by_autocast or (logits is not None and logits.dtype == torch.float16)
        if logits is not None and logits.dim() > 1 and logits.numel():
            last = logits.detach()[:, -1]
            largest = last.float().amax()
            before = self._now.logits  # of a forward pass that was not trained on, as when a loop skips a NaN batch
            self._now.logits = largest if before is None else torch.maximum(before, largest)

    def _executes(self, names: list[str], *, always: bool) -> Callable[..., None]:
        """Note that a module takes part; without gradients only inside a checkpoint, which is computed again."""

        def about_to_run(*_: object) -> None:
            if always or torch.is_grad_enabled():
                self._live.executed.update(dict.fromkeys(names))

        return about_to_run
