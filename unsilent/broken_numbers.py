"""The rules on the numbers of one step: is there a label, is anything NaN or inf, was that hidden?

A step in which one of them answers has nothing else to say: what follows from numbers that mean nothing means nothing.
The other rules, and the order of them all, stand in ``judgement``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .outcome import failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .failures import Stage
    from .live import Live
    from .outcome import Outcome
    from .step_record import StepRecord
    from .trends import Divergence, Explosion

STAGE: Stage = "guard"

# Zeros move by any update, so that one step decides; three allow for 16-bit weights that need more to show
STILL_STEPS = 3
NAMED = 20  # names of parameters kept as evidence


class BrokenNumbers:
    """Judges the numbers of one step after the other."""

    def __init__(self, live: Live, explosion: Explosion) -> None:
        """With the trend of the gradient norm, which a norm that is not finite may end."""
        self.live = live
        self.explosion = explosion
        self.unlabelled = 0  # steps in a row of one row each, without a label

    def labels(self, record: StepRecord) -> Iterator[Outcome]:
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
            yield zero_loss(record, hit, "no label is left to learn from", is_hidden=self.live.hides_nan)

    @staticmethod
    def _is_empty_mean(record: StepRecord, number: int) -> bool:
        """The mean over no label: a NaN loss from finite logits, with gradients of exactly 0."""
        one = record.micro_batches[number - 1]
        norms = [norm for micro_batch, found in record.gradients for norm in found.values() if micro_batch == number]
        finite_logits = one.logits is not None and math.isfinite(one.logits)
        zero = all(norm == 0 for norm in norms) or (number > 1 and all(math.isfinite(norm) for norm in norms))
        return one.supervised is None and one.loss is not None and math.isnan(one.loss) and finite_logits and zero

    def masked(self, record: StepRecord) -> Iterator[Outcome]:
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

    def not_finite(self, record: StepRecord, *, is_first: bool) -> Iterator[Outcome]:
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
            yield trend_of("gradient-explosion", record, self.explosion, "gradients that stay in proportion", got, cure)
        micro_batch = min(number for number in (by_loss, broken[0][0] if broken else None) if number is not None)
        weight = self.live.broken_weight()
        spot = self.live.first_module(micro_batch)
        names = list(dict.fromkeys(name for _, name in broken))
        parameter = weight or (names[0] if names else None)
        kind = "weight" if weight else "gradient" if by_loss is None else "activation"
        spoilt = weight is None or (
            not is_first and dict(self.live.model.named_parameters())[weight].dtype == torch.float16
        )
        beyond = spot is not None and (not math.isnan(spot.largest) or spot.dtype == "float16")
        unknown = spot is None and (kind != "activation" or not self.live.can_rerun(micro_batch))
        is_overflow = self.live.is_fp16 and spoilt and (beyond or unknown)
        slug = "fp16-overflow" if is_overflow else "nan-grad-norm"
        one = record.micro_batches[micro_batch - 1] if micro_batch <= len(record.micro_batches) else None
        loss = one.loss if one else None
        in_forward = f"{spot.at} of {spot.module}" if spot else self._in_forward(names)
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
             "module": spot.module if spot else None, "largest": spot.largest if spot else None,
             "repeats": _repeats(spot, is_fine_again=self.live.is_fine_again) if kind == "activation" else None},
            step=record.step,
        )  # fmt: skip
        if slug == "fp16-overflow":
            yield failed("nan-grad-norm", STAGE, f"Expected a finite gradient norm, but got {_said(record.grad_norm)}. "
                         f"Where: step {record.step}. What to do: see fp16-overflow.",
                         {"grad_norm": record.grad_norm, "micro_batch": micro_batch}, step=record.step)  # fmt: skip
        if one is not None and one.is_loss_broken and self.live.hides_nan:
            yield zero_loss(record, micro_batch, "Trainer's logging_nan_inf_filter prints NaN as 0.0", is_hidden=True)

    def _in_forward(self, names: Sequence[str]) -> str:
        """What is known of a forward pass in which no module could be named."""
        words = "the forward pass"
        if self.live.is_fine_again:
            words += " (run again on the same batch it stayed finite in every module: it happened once, or by chance)"
        return f"{words}, first gradient that is not finite {names[0]}" if names else words


def zero_loss(record: StepRecord, micro_batch: int, why: str, *, is_hidden: bool) -> Outcome:
    """A loss of 0 that is no measurement; hidden where the log prints NaN as 0.0."""
    loss = record.micro_batches[micro_batch - 1].loss
    return failed(
        "zero-loss",
        STAGE,
        f"Expected a loss that is a measurement, but got one that is or will be logged as 0.0: {why}. Where: step "
        f"{record.step}, micro-batch {micro_batch}, raw loss {_said(loss)}. What to do: read the raw loss; set "
        "logging_nan_inf_filter=False.",
        {"micro_batch": micro_batch, "raw_loss": loss, "why": why, "hidden_by_filter": is_hidden},
        step=record.step,
    )


def trend_of(  # noqa: PLR0913, PLR0917 - the parts of a sentence
    slug: str, record: StepRecord, trend: Explosion | Divergence, expected: str, got: str, cure: str
) -> Outcome:
    """What several steps have shown, since when, and what to do about it."""
    return failed(
        slug,
        STAGE,
        f"Expected {expected}, but got {got} (it began at {trend.start:.4g}). Where: since step {trend.began}, seen at "
        f"step {record.step}. What to do: {cure}.",
        {"began": trend.began, "grad_norm": record.grad_norm, "loss": record.loss, **trend.evidence()},
        step=record.step,
    )


def _said(value: float | None) -> str:
    return "not seen" if value is None else f"{value:g}"


def _repeats(spot: object, *, is_fine_again: bool) -> bool | None:
    """Whether the same batch breaks the numbers again; None where it could not be run again."""
    return True if spot else False if is_fine_again else None
