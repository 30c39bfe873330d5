"""The rules by which a step is judged, before it is taken: one root cause, with the signs of it that the step showed.

Each rule is asked in turn, causes before what they cause, and the first that answers ends the matter: one fault is one
finding. The numbers come from ``step_record``; where a rule needs more - which weight is NaN, which gradient still is -
it looks at the live model, which costs nothing as long as nothing is wrong.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import torch

from .optimization import check_lr, check_optimizer, is_known_ahead
from .outcome import failed
from .trainable import check_frozen_adapter
from .trends import Divergence, Explosion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .failures import Stage
    from .live import Live
    from .outcome import Outcome
    from .step_record import StepRecord

STAGE: Stage = "guard"

# Zeros move by any update, so that one step decides; three allow for 16-bit weights that need more to show
STILL_STEPS = 3
ZERO_STEPS = 10  # of gradients that are 0 from the start, where nobody knows what the loss is made of
LR_ZERO_STEPS = 10  # in a row from the start, where a schedule cannot be computed ahead; delayed starts are shorter
# A scaler begins at 2**16 and halves at each skip: 17 lead below 1, where the gradients overflow by themselves
SKIPPED_STEPS = 17
RISE = 1.15  # of the loss over its start, once the first batch confirms it
ASK_EVERY = 10  # steps between two such questions, each a forward pass
NAMED = 20  # names of parameters kept as evidence


class Judge:
    """Judges one step after the other; remembers what only several of them show."""

    def __init__(self, live: Live) -> None:
        """Start without a past."""
        self.live = live
        self.explosion = Explosion()
        self.divergence = Divergence(rise=RISE)
        self.asked = -math.inf  # step at which the first batch was asked again
        self.first = True
        self.alive = False  # some gradient was not 0
        self.seen: set[str] = set()  # parameters that have received a gradient
        self.silent = 0  # steps in a row without any gradient
        self.cut = 0  # steps in a row in which lower layers received none
        self.unlabelled = 0  # steps in a row of one row each, without a label
        self.due = 0  # steps with gradients and a learning rate, after which something should have moved
        self.certain = False  # one of them had a gradient for a parameter that held nothing but zeros
        self.zeros = 0  # steps in a row without any gradient but 0
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
            self._labels,
            self._masked,
            self._not_finite,
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

    def look_again(self, fresh: set[str]) -> None:
        """Wait anew for weights to move, as they are watched anew."""
        self.due, self.certain, self.live.fresh = 0, False, fresh

    def ended(self, record: StepRecord) -> list[Outcome]:
        """Judge a run that has ended: what patience would have waited for is settled now."""
        if record.moved is False and (self.due or self.skips):
            return list(
                self._unchanged(record, f"{self.skips} skipped by the scaler" if self.skips else "none skipped")
            )
        if self.idle and self.idle == record.step - 1:
            return [_lr_zero(record, self.idle)]
        return []

    def _movement(self, record: StepRecord) -> Iterator[Outcome]:
        """[weights-unchanged] Steps were taken, and no weight moved."""
        if record.moved is False and self.due >= (1 if self.certain else STILL_STEPS):
            yield from self._unchanged(record, f"{self.due} of them with gradients and a learning rate")

    def _unchanged(self, record: StepRecord, how: str) -> Iterator[Outcome]:
        taken = record.step - 1
        yield failed(
            "weights-unchanged",
            STAGE,
            f"Expected the weights to move, but got no trainable tensor that differs from its start after {taken} "
            f"steps ({how}). Where: the optimizer's step. What to do: see that optimizer.step() is called on this "
            "optimizer, and that the gradient scaler does not skip every step.",
            {"steps": taken, "skipped": self.skips, "lr": record.lr, "grad_norm": record.grad_norm,
             "scale": record.scale},
            step=record.step,
        )  # fmt: skip

    def _labels(self, record: StepRecord) -> Iterator[Outcome]:
        """[labels-all-masked] A micro-batch of several rows, or the whole step, has no label."""
        ones = record.micro_batches
        empty = [number for number, one in enumerate(ones, start=1) if one.supervised == 0]
        several = sum(one.rows or 0 for one in ones) > 1
        alone = bool(empty) and len(empty) == len(ones) and not several
        self.unlabelled = self.unlabelled + 1 if alone else 0
        hit = next((number for number in empty if (ones[number - 1].rows or 0) > 1), None)
        if hit is None and len(empty) == len(ones) and (several or self.unlabelled >= STILL_STEPS):
            hit = next(iter(empty), None)
        if hit is None:
            hit = next(
                (number for number, one in enumerate(ones, start=1) if self._is_empty_mean(record, number)), None
            )
        if hit is not None and len(ones) == 1 and ones[0].loss and math.isfinite(ones[0].loss) and record.grad_norm:
            return  # a loss with gradients was made of something
        if hit is None:
            return
        one = ones[hit - 1]
        yield failed(
            "labels-all-masked",
            STAGE,
            f"Expected labels to learn from, but got none: every label of {one.rows or 'all'} rows is -100 (raw loss "
            f"{_said(one.loss)}, gradient {_said(record.grad_norm_of(hit))}). Where: step {record.step}, micro-batch "
            f"{hit}. What to do: mask the prompt's tokens only, and let no row lose its answer to max_length.",
            {"micro_batch": hit, "rows": one.rows, "supervised": 0, "loss": one.loss,
             "grad_norm": record.grad_norm_of(hit)},
            step=record.step,
        )  # fmt: skip
        if one.loss is None or one.loss == 0 or math.isnan(one.loss):
            yield self._zero_loss(record, hit, "no label is left to learn from")

    @staticmethod
    def _is_empty_mean(record: StepRecord, number: int) -> bool:
        """The mean over no label: a NaN loss from finite logits, with gradients of exactly 0."""
        one = record.micro_batches[number - 1]
        norms = [norm for micro_batch, found in record.gradients for norm in found.values() if micro_batch == number]
        finite_logits = one.logits is not None and math.isfinite(one.logits)
        zero = all(norm == 0 for norm in norms) or (number > 1 and all(math.isfinite(norm) for norm in norms))
        return one.supervised is None and one.loss is not None and math.isnan(one.loss) and finite_logits and zero

    def _zero_loss(self, record: StepRecord, micro_batch: int, why: str) -> Outcome:
        loss = record.micro_batches[micro_batch - 1].loss
        return failed(
            "zero-loss",
            STAGE,
            f"Expected a loss that is a measurement, but got one that is or will be logged as 0.0: {why}. Where: step "
            f"{record.step}, micro-batch {micro_batch}, raw loss {_said(loss)}. What to do: read the raw loss; set "
            "logging_nan_inf_filter=False.",
            {"micro_batch": micro_batch, "raw_loss": loss, "why": why, "hidden_by_filter": self.live.hides_nan},
            step=record.step,
        )

    def _masked(self, record: StepRecord) -> Iterator[Outcome]:
        """[nan-masked] Something was NaN, and what the loop goes on with is not."""
        for number, one in enumerate(record.micro_batches, start=1):
            if one.is_output_broken and one.loss is not None and not one.is_loss_broken:
                yield self._nan_masked(
                    record, number, f"the model gave {_said(one.logits)} and the loss is {one.loss:g}"
                )
                return
            if one.constant and not record.scaled:
                yield self._nan_masked(record, number, f"the loss {_said(one.loss)} was not computed by the model")
                return
            norms = [norm for at, found in record.gradients for norm in found.values() if at == number]
            if one.is_loss_broken and norms and not any(norms):
                yield self._nan_masked(record, number, f"the loss is {_said(one.loss)} and every gradient is 0")
                return
        broken = record.broken_gradients()
        if not broken:
            return
        repaired = [name for _, name in broken if self.live.is_finite(name)]
        if repaired:
            yield self._nan_masked(record, broken[0][0], f"the gradient of {repaired[0]} was NaN or inf when it came "
                                   "and is finite now", parameter=repaired[0])  # fmt: skip

    @staticmethod
    def _nan_masked(record: StepRecord, micro_batch: int, seen: str, **more: object) -> Outcome:
        one = record.micro_batches[micro_batch - 1] if micro_batch <= len(record.micro_batches) else None
        return failed(
            "nan-masked",
            STAGE,
            f"Expected NaN to stay visible, but got it replaced: {seen}. Where: step {record.step}, micro-batch "
            f"{micro_batch}. What to do: remove the code that replaces NaN or zeroes gradients, and find the first "
            "value that was not finite.",
            {"micro_batch": micro_batch, "loss": one.loss if one else None, "logits": one.logits if one else None,
             "seen": seen, **more},
            step=record.step,
        )  # fmt: skip

    def _not_finite(self, record: StepRecord) -> Iterator[Outcome]:
        """[nan-grad-norm, fp16-overflow] A gradient, loss or output is NaN or inf."""
        broken = record.broken_gradients()
        by_loss = next((number for number, one in enumerate(record.micro_batches, start=1)
                        if one.is_loss_broken or one.is_output_broken), None)  # fmt: skip
        if not broken and by_loss is None:
            return
        if record.scaled and by_loss is None:
            return  # the scaler skips this step on purpose
        if self.explosion.add(record.step, math.nan):
            got, cure = "a norm that grew until it was not finite", "clip to 1.0, lower the learning rate, warm up"
            yield _trend_of(
                "gradient-explosion", record, self.explosion, "gradients that stay in proportion", got, cure
            )
        micro_batch = min(number for number in (by_loss, broken[0][0] if broken else None) if number is not None)
        weight = self.live.broken_weight()
        spot = self.live.first_module(micro_batch)
        names = list(dict.fromkeys(name for _, name in broken))
        parameter = weight or (names[0] if names else None)
        kind = "weight" if weight else "gradient" if by_loss is None else "activation"
        spoilt = weight is None or (
            not self.first and dict(self.live.model.named_parameters())[weight].dtype == torch.float16
        )
        beyond = spot is not None and (not math.isnan(spot.largest) or spot.dtype == "float16")
        unknown = spot is None and (kind != "activation" or not self.live.can_rerun(micro_batch))
        is_overflow = self.live.is_fp16 and spoilt and (beyond or unknown)
        slug = "fp16-overflow" if is_overflow else "nan-grad-norm"
        one = record.micro_batches[micro_batch - 1] if micro_batch <= len(record.micro_batches) else None
        loss = one.loss if one else None
        in_forward = f"{spot.at} of {spot.module}" if spot else "the forward pass"
        where = {"weight": f"weight {weight}", "gradient": f"gradient of {parameter}", "activation": in_forward}[kind]
        cure = (
            "train in bf16 or fp32, or with fp32 adapter weights and a gradient scaler"
            if slug == "fp16-overflow"
            else "look at that batch and that parameter; train in bf16 or fp32, lower the learning rate"
        )
        yield failed(
            slug,
            STAGE,
            f"Expected finite numbers, but got NaN or inf in {len(names)} of {len(self.live.trainable)} gradients "
            f"(raw loss {_said(loss)}). Where: {where}, step {record.step}, micro-batch {micro_batch}; no step was "
            f"taken. What to do: {cure}.",
            {"parameter": parameter, "micro_batch": micro_batch, "kind": kind, "loss": loss,
             "parameters": names[:NAMED], "count": len(names),
             "module": spot.module if spot else None, "largest": spot.largest if spot else None},
            step=record.step,
        )  # fmt: skip
        if slug == "fp16-overflow":
            yield failed("nan-grad-norm", STAGE, f"Expected a finite gradient norm, but got {_said(record.grad_norm)}. "
                         f"Where: step {record.step}. What to do: see fp16-overflow.",
                         {"grad_norm": record.grad_norm, "micro_batch": micro_batch}, step=record.step)  # fmt: skip
        if one is not None and one.is_loss_broken and self.live.hides_nan:
            yield self._zero_loss(record, micro_batch, "Trainer's logging_nan_inf_filter prints NaN as 0.0")

    def _skipped(self, record: StepRecord) -> Iterator[Outcome]:
        """[weights-unchanged] A scaler skips early steps on purpose; one that skips them all trains nothing."""
        if not (record.scaled and record.broken_gradients()):
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
        """[zero-loss, weights-unchanged] Gradients came, and every one of them is exactly 0."""
        names = [name for name in record.norms if name in self.live.adapter] or list(record.norms)
        if not names or any(record.norms[name] for name in names) or self.live.has_gradient(names):
            self.zeros = 0
            self.alive = self.alive or bool(names)
            return
        self.zeros += 1
        ones = record.micro_batches
        is_plain = bool(ones) and all(one.supervised and one.is_own_loss for one in ones)
        # a loss of one's own may be 0 for a while, as when all rewards are equal, or all margins kept
        if not is_plain and (self.alive or self.zeros < ZERO_STEPS):
            return
        if record.loss == 0:
            yield self._zero_loss(record, 1, "loss and gradients are exactly 0")
            return
        yield from self._unchanged(record, "every gradient is exactly 0, as with an adapter scaled by 0")

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
        if not (record.scaled and record.broken_gradients()):
            takes = bool(record.lr) and bool(record.grad_norm) and self.live.is_syncing
            self.due += takes
            self.certain |= takes and any(record.norms.get(name) for name in self.live.fresh)
        explodes = record.grad_norm is not None and self.explosion.add(record.step, record.grad_norm)
        if explodes or (self.explosion.is_huge and self._has_got_worse(record)):
            got, cure = f"a norm of {record.grad_norm:.3g}", "clip to 1.0, lower the learning rate, warm up"
            yield _trend_of(
                "gradient-explosion", record, self.explosion, "gradients that stay in proportion", got, cure
            )
        diverges = record.loss is not None and self.divergence.add(record.step, record.loss)
        if diverges and self._has_got_worse(record):
            got, cure = f"{record.loss:.4g}, above its start for good", "lower the learning rate by ten and warm up"
            yield _trend_of("loss-diverging", record, self.divergence, "a loss that falls", got, cure)

    def _has_got_worse(self, record: StepRecord) -> bool:
        """Whether the model does worse on its first batch than it did: harder rows, or other ones, are no fault."""
        if record.step < self.asked + ASK_EVERY:
            return False
        self.asked = record.step
        return self.live.has_got_worse()


def _trend_of(  # noqa: PLR0913, PLR0917 - the parts of a sentence
    slug: str, record: StepRecord, trend: Explosion | Divergence, expected: str, got: str, cure: str
) -> Outcome:
    return failed(
        slug,
        STAGE,
        f"Expected {expected}, but got {got} (it began at {trend.start:.4g}). Where: since step {trend.began}, seen at "
        f"step {record.step}. What to do: {cure}.",
        {"began": trend.began, "grad_norm": record.grad_norm, "loss": record.loss, **trend.evidence()},
        step=record.step,
    )


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


def _said(value: float | None) -> str:
    return "not seen" if value is None else f"{value:g}"
