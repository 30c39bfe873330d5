"""The rules by which a step is judged, before it is taken: one root cause, with the signs of it that the step showed.

Each rule is asked in turn, causes before what they cause, and the first that answers ends the matter: one fault is one
finding. Those on the numbers of one step stand in ``broken_numbers``. The numbers come from ``step_record``; where a
rule needs more - which weight is NaN, which gradient still is - it looks at the live model, which costs nothing as long
as nothing is wrong.
"""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import TYPE_CHECKING

from .broken_numbers import NAMED, STAGE, STILL_STEPS, BrokenNumbers, trend_of, zero_loss
from .optimization import check_lr, check_optimizer, is_known_ahead
from .outcome import failed
from .trainable import check_frozen_adapter
from .trends import Divergence, Explosion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .live import Live
    from .outcome import Outcome
    from .step_record import StepRecord

ZERO_STEPS = 10  # of gradients that are 0 from the start, where nobody knows what the loss is made of
LR_ZERO_STEPS = 10  # in a row from the start, where a schedule cannot be computed ahead; delayed starts are shorter
# A scaler begins at 2**16 and halves at each skip: 17 lead below 1, where the gradients overflow by themselves
SKIPPED_STEPS = 17
# Of the highest rate so far: below it the end of a schedule may move 16-bit weights by less than their spacing
SMALL_RATE = 0.1
OUTGROWN = 30.0  # times the values of frozen matrices: 0.06 to 0.5 at the start, 4 after 60 steps at a rate of 0.1
RISE = 1.15  # of the loss over its start, once the first batch confirms it
ASK_EVERY = 10  # steps between two such questions, each a forward pass
IN_PROPORTION, CALMER = "gradients that stay in proportion", "clip to 1.0, lower the learning rate, warm up"


class Judge:
    """Judges one step after the other; remembers what only several of them show."""

    def __init__(self, live: Live) -> None:
        """Start without a past."""
        self.live = live
        self.explosion = Explosion()
        self.numbers = BrokenNumbers(live, self.explosion)
        self.divergence = Divergence(rise=RISE)
        self.asked = -math.inf  # step at which the first batch was asked again
        self.first = True
        self.alive = False  # some gradient was not 0
        self.seen: set[str] = set()  # parameters that have received a gradient
        self.silent = 0  # steps in a row without any gradient
        self.cut = 0  # steps in a row in which lower layers received none
        self.due = 0  # steps with gradients and a learning rate, after which something should have moved
        self.certain = False  # one of them had a gradient for a parameter that held nothing but zeros
        self.since: int | None = None  # the step from which the weights are watched anew; None while since the start
        self.highest_rate = 0.0
        self.zeros = 0  # steps in a row without any gradient but 0
        self.outgrown: float | None = None  # at the first of them: trained weights over frozen ones
        self.idle = 0  # steps in a row at a learning rate of 0
        self.skips = 0  # steps in a row that the scaler skips
        self.scale = math.inf

    def __call__(self, record: StepRecord) -> list[Outcome]:
        """Judge a step that is about to be taken.

        Returns:
            The root cause first, then what it explains; empty for a step that is fine.
        """
        record = self._without_overflown_norms(record)
        rules = (
            self._movement,
            self.numbers.labels,
            self.numbers.masked,
            partial(self.numbers.not_finite, is_first=self.first),
            self._skipped,
            self._no_gradient,
            self._zero_gradient,
            self._optimizer,
            self._lr,
            self._trend,
        )
        found = next((outcomes for rule in rules if (outcomes := list(rule(record)))), [])
        self.first = False
        return found

    def _without_overflown_norms(self, record: StepRecord) -> StepRecord:
        """Squares of finite gradients above 1e19 overflow in a norm, as under a scaler that has grown for long."""
        suspects = {name: self.live.wide_norm(name) for _, name in record.broken_gradients()}
        wide = {name: norm for name, norm in suspects.items() if math.isfinite(norm)}
        if not wide:
            return record
        gradients = [(number, {name: norm if math.isfinite(norm) else wide.get(name, norm)
                               for name, norm in norms.items()}) for number, norms in record.gradients]  # fmt: skip
        norms = {name: norm for _, found in gradients for name, norm in found.items()}
        return dataclasses.replace(record, gradients=gradients, norms=norms)

    def look_again(self, fresh: set[str], step: int) -> None:
        """Wait anew for weights to move, as they are watched anew from before ``step`` on."""
        self.due, self.certain, self.live.fresh, self.since = 0, False, fresh, step

    def ended(self, record: StepRecord) -> list[Outcome]:
        """Judge a run that has ended: what patience would have waited for is settled now."""
        # weights that have moved before stand still at the end of a schedule, and where a scaler skips the last steps
        waited = self.is_due if self.since else self.due or self.skips
        if record.moved is False and waited:
            return list(
                self._unchanged(record, f"{self.skips} skipped by the scaler" if self.skips else "none skipped")
            )
        if self.idle and self.idle == record.step - 1:
            return [_lr_zero(record, self.idle)]
        return []

    @property
    def is_due(self) -> bool:
        """Whether enough steps were taken for some weight to move."""
        return self.due >= (1 if self.certain else STILL_STEPS)

    def _movement(self, record: StepRecord) -> Iterator[Outcome]:
        """[weights-unchanged] Steps were taken, and no weight moved."""
        if record.moved is False and self.is_due:
            yield from self._unchanged(record, f"{self.due} of them with gradients and a learning rate")

    def _unchanged(self, record: StepRecord, how: str) -> Iterator[Outcome]:
        taken = record.step - (self.since or 1)
        before = f"what it was before step {self.since}," if self.since else "its start"
        yield failed(
            "weights-unchanged",
            STAGE,
            f"Expected the weights to move, but got no trainable tensor that differs from {before} after {taken} "
            f"steps ({how}). Where: the optimizer's step. What to do: see that optimizer.step() is called on this "
            "optimizer, and that the gradient scaler does not skip every step.",
            {"steps": taken, "skipped": self.skips, "lr": record.lr, "grad_norm": record.grad_norm,
             "scale": record.scale},
            step=record.step,
        )  # fmt: skip

    def _skipped(self, record: StepRecord) -> Iterator[Outcome]:
        """[weights-unchanged] A scaler skips early steps on purpose; one that skips them all trains nothing."""
        if not record.is_skipped:
            self.skips = 0
            return
        falling = record.scale < self.scale
        self.scale = record.scale
        self.skips += 1
        stuck = not falling and self.skips > STILL_STEPS
        if stuck or self.skips >= SKIPPED_STEPS or record.scale < 1:
            yield from self._unchanged(record, f"the scaler skips its {self.skips}th step in a row, scale "
                                       f"{record.scale:g}{'' if falling else ', which does not fall'}")  # fmt: skip

    def _no_gradient(self, record: StepRecord) -> Iterator[Outcome]:
        """[frozen-adapter, checkpointing-detached] Parameters that should have received a gradient, and did not."""
        if not record.micro_batches:
            return
        own = self.live.adapter.values()
        if own and (self.first or not any(weight.requires_grad for weight in own)):
            frozen = check_frozen_adapter(self.live.model, STAGE)
            if frozen.status == "failed":
                yield _at(frozen, record.step)
                return
        came = {name for _, norms in record.gradients for name in norms}
        lost = self._lost(record, came)
        self.seen |= came
        if not lost:
            return
        yield failed(
            "checkpointing-detached",
            STAGE,
            f"Expected a gradient for every trainable tensor that took part, but got none for {len(lost)} of "
            f"{len(self.live.trainable)}. Where: step {record.step}, {lost[0]} first. What to do: call "
            "model.enable_input_require_grads() or use_reentrant=False with checkpointing; look for detach() and "
            "no_grad() in the forward pass.",
            {"detached": len(lost), "trainable": len(self.live.trainable), "parameters": lost[:NAMED]},
            step=record.step,
        )

    def _lost(self, record: StepRecord, came: set[str]) -> list[str]:
        """Parameters that a cut in the graph keeps from their gradients: all of them, or all below some point.

        A part that took part for something else, such as the pooler of an encoder or an expert, stands beside others
        that received theirs. After the first step three in a row are waited for: a loop may skip a batch.
        """
        trained = [name for name, weight in self.live.trainable.items() if weight.requires_grad]
        if not came:
            self.silent += 1
            tried = self.first and any(one.connected for one in record.micro_batches)
            return trained if tried or self.silent >= STILL_STEPS else []
        self.silent = 0
        order = {name: place for place, name in enumerate(self.live.executed)}
        expected = self.live.executed.keys() if self.first else self.seen
        lost = [name for name in trained if name in expected and name in order and name not in came]
        begin = min((order[name] for name in came if name in order), default=-1)
        below = bool(lost) and max(order[name] for name in lost) < begin
        self.cut = self.cut + 1 if below else 0
        return lost if below and (self.first or self.cut >= STILL_STEPS) else []

    def _zero_gradient(self, record: StepRecord) -> Iterator[Outcome]:
        """[zero-loss, gradient-explosion, weights-unchanged] Gradients came, and every one of them is exactly 0."""
        names = [name for name in record.norms if name in self.live.adapter] or list(record.norms)
        if not names or any(record.norms[name] for name in names) or self.live.has_gradient(names):
            self.zeros, self.outgrown = 0, None
            self.alive = self.alive or bool(names)
            return
        self.zeros += 1
        ones = record.micro_batches
        is_plain = bool(ones) and all(one.supervised and one.is_own_loss for one in ones)
        # a loss of one's own may be 0 for a while, as when all rewards are equal, or all margins kept
        if not is_plain and (self.alive or self.zeros < ZERO_STEPS):
            return
        if record.loss == 0:
            yield zero_loss(record, 1, "loss and gradients are exactly 0", is_hidden=self.live.hides_nan)
            return
        if self.alive and self.outgrown is None:
            self.outgrown = self.live.outgrown()  # once: a run that is only warned goes on, and would ask at each step
        if self.explosion.has_leapt:
            got = f"gradients that are all exactly 0, and nothing passes, after a norm of {self.explosion.highest:.3g}"
            yield trend_of("gradient-explosion", record, self.explosion, IN_PROPORTION, got, CALMER)
        elif (self.outgrown or 0) > OUTGROWN:
            self.explosion.began = self.explosion.began or record.step
            times = f"{self.outgrown:.0f} times as large as frozen ones"
            got = f"gradients that are all exactly 0: trained weights are {times}"
            yield trend_of("gradient-explosion", record, self.explosion, IN_PROPORTION, got, CALMER)
        elif self.alive:
            yield self._died(record)
        else:
            yield from self._unchanged(record, "every gradient is exactly 0, as with an adapter scaled by 0")

    def _died(self, record: StepRecord) -> Outcome:
        """[weights-unchanged] Weights moved, and from here on they do not."""
        return failed(
            "weights-unchanged",
            STAGE,
            "Expected weights that go on moving, but got gradients that are all exactly 0, after steps that had some. "
            f"Where: step {record.step}, the backward pass. What to do: look for saturated activations, and for code "
            "that sets gradients or a scale to 0; lower the learning rate.",
            {"lr": record.lr, "grad_norm": record.grad_norm, "loss": record.loss},
            step=record.step,
        )

    def _optimizer(self, record: StepRecord) -> Iterator[Outcome]:
        """[optimizer-misses-adapter] Asked once: the optimizer's groups do not change while it trains."""
        if self.first:
            outcome = check_optimizer(self.live.model, self.live.optimizer, STAGE, step=record.step)
            if outcome.status == "failed":
                yield outcome

    def _lr(self, record: StepRecord) -> Iterator[Outcome]:
        """[lr-zero] For the whole schedule where it can be computed ahead, else for many steps from the start."""
        if self.first:
            outcome = check_lr(self.live.model, self.live.optimizer, self.live.scheduler,
                               max_steps=self.live.max_steps, stage=STAGE)  # fmt: skip
            if outcome.status == "failed":
                yield _at(outcome, record.step)
                return
        if record.lr is None or is_known_ahead(self.live.scheduler):
            return
        self.idle = self.idle + 1 if record.lr == 0 else 0
        if self.idle >= LR_ZERO_STEPS:
            yield _lr_zero(record, self.idle)

    def _trend(self, record: StepRecord) -> Iterator[Outcome]:
        """[gradient-explosion, loss-diverging] What only several steps show."""
        if not record.is_skipped:
            rate = record.lr or 0.0
            self.highest_rate = max(self.highest_rate, rate)
            takes = rate > 0 and bool(record.grad_norm) and self.live.is_syncing
            takes = takes and (self.since is None or rate >= SMALL_RATE * self.highest_rate)
            self.due += takes
            self.certain |= takes and any(record.norms.get(name) for name in self.live.fresh)
        explodes = record.grad_norm is not None and self.explosion.add(record.step, record.grad_norm)
        if explodes or (self.explosion.is_huge and self._has_got_worse(record)):
            got = f"a norm of {record.grad_norm:.3g}"
            yield trend_of("gradient-explosion", record, self.explosion, IN_PROPORTION, got, CALMER)
        diverges = record.loss is not None and self.divergence.add(record.step, record.loss)
        if diverges and self._has_got_worse(record):
            got, cure = f"{record.loss:.4g}, above its start for good", "lower the learning rate by ten and warm up"
            yield trend_of("loss-diverging", record, self.divergence, "a loss that falls", got, cure)

    def _has_got_worse(self, record: StepRecord) -> bool:
        """Whether the model does worse on its first batch than it did: harder rows, or other ones, are no fault."""
        if record.step < self.asked + ASK_EVERY:
            return False
        self.asked = record.step
        return self.live.has_got_worse()


def _lr_zero(record: StepRecord, idle: int) -> Outcome:
    return failed(
        "lr-zero",
        STAGE,
        f"Expected a learning rate above 0, but got 0 at {idle} steps in a row. Where: step {record.step}. What to do: "
        "set learning_rate; compare warm-up steps, and the steps the schedule was made for, with those of the run.",
        {"lr": record.lr, "steps": idle},
        step=record.step,
    )


def _at(outcome: Outcome, step: int) -> Outcome:
    return failed(outcome.slug, outcome.stage, outcome.message, outcome.evidence, step=step)
