"""Do the labels belong to the tokens beside them, or to their neighbours? And does the model shift them by itself?

A causal language model of transformers moves the labels by one before it compares: data code that has done so already
makes it learn the token after the next, with a loss that falls all the same. So does a model that moves them twice.

Shapes: T tokens, V vocabulary.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .adapted import is_readable, untouched
from .collated import IGNORED, Row
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from .failures import Stage
    from .outcome import Outcome
    from .samples import Sample

STAGE: Stage = "wiring"

# Labels equal to a neighbour's token at this share of the places that can tell are shifted; data that is no such thing
# agrees at one place in V. Not 1.0: the last label of a row may be anything.
AGREEING = 0.9
# Places that must be able to tell in all, because two or three may agree by chance.
PLACES = 4
# 1: shifted before the model shifts. 2: shifted twice. -1: shifted the wrong way, the model repeats its input.
OFFSETS = (1, 2, -1)
# Shifts of a model that can be told apart.
SHIFTS = (0, 1, 2)
# The loss that a model reports must lie so much nearer to one reading than to the next; what a mixture of experts adds
# to its loss is less.
NEARER = 0.25
# So near is the loss of a model that adds nothing; and in so many rows, before a model is condemned. A bfloat16 loss is
# off by 1 part in 256, and differs by less from row to row.
EXACTLY = 0.02
WITNESSES = 3
# Logits of two passes over the same tokens differ by less, as a share of their standard deviation: by nothing at all on
# a CPU. A token that is seen moves them by more, also in a model that has learnt nothing yet.
ALIKE = 1e-4


def check_shift(sample: Sample, model: Any = None) -> Outcome:  # noqa: ANN401 - any causal language model
    """[labels-preshifted] Labels that are another token's than their own, and models that do not shift by one.

    The model must shift by exactly what the rows have left over: by one where labels are aligned with their tokens, not
    at all where they were moved before. Only places where neighbouring tokens differ can tell where labels belong.

    Args:
        sample: From ``read_sample``.
        model: Where one is given, the loss it reports of a row is held to its own logits, shifted and not.

    Returns:
        Failed with the offset of the labels and the shift of the model; skipped without labels, or where labels are
        moved and the model's loss could not be read.

    Source:
        transformers#44642, transformers#47394.
    """
    slug = "labels-preshifted"
    rows, reason = sample.labelled()
    if reason:
        return skipped(slug, STAGE, reason)
    for offset in OFFSETS:
        places = {row.index: _agreeing(row, offset) for row in rows}
        able = [row for row in rows if places[row.index][1]]
        shifted = [row for row in able if places[row.index][0] >= AGREEING * places[row.index][1]]
        if shifted and len(shifted) >= AGREEING * len(able) and sum(places[row.index][1] for row in able) >= PLACES:
            break
    else:
        return passed(slug, STAGE) if model is None else _check_model(rows, model)
    if model is not None and offset == 1:
        read = read_shift(model, shifted[0])
        if read.shift is None:
            return skipped(slug, STAGE, f"labels are shifted by {offset}, and {read.words}")
        if read.shift == 0:
            words = "the model's loss does not shift: this is what it wants"
            return passed(slug, STAGE, f"labels are shifted by {offset}, and {words}")
    return failed(
        slug,
        STAGE,
        f"Expected labels[t] to be input_ids[t], but got input_ids[t{offset:+}] in {len(shifted)} of {len(able)} "
        f"sampled rows; the loss shifts by one again, so the model learns the token {offset + 1} ahead. Where: row "
        f"{shifted[0].index}, as collated. What to do: give labels aligned with input_ids.",
        {"rows": len(able), "shifted": len(shifted), "offset": offset, "confirmed": model is not None and offset == 1,
         "indices": [row.index for row in shifted]},
    )  # fmt: skip


def _check_model(rows: list[Row], model: Any) -> Outcome:  # noqa: ANN401
    """Labels are aligned with their tokens: a model whose loss is that of another shift than one is wrong for them.

    One row shows that all is well; to condemn a model several must agree, as what it adds to its loss may look like a
    shift once. One that sees the tokens to come predicts something else than the next, whatever it is called.
    """
    aligned = [row for row in rows if _is_aligned(row)]
    read = None
    for row in sorted(aligned, key=lambda row: len(row.ids))[:WITNESSES]:
        now = read_shift(model, row)
        if now.shift in (None, 1) or now.gap > EXACTLY or (read and read.shift != now.shift):
            return passed("labels-preshifted", STAGE)
        read = now
    if read is None or len(aligned) < WITNESSES or not _is_causal(model, aligned[0]):
        return passed("labels-preshifted", STAGE)
    learns = "the token it is given" if read.shift == 0 else f"the token {read.shift} ahead"
    kind = type(getattr(model, "get_base_model", lambda: model)())
    return failed(
        "labels-preshifted",
        STAGE,
        f"Expected a model that shifts labels by one, as the rows leave them at their tokens, but got one that shifts "
        f"them by {read.shift}: its loss of {read.loss:.4f} is its logits' cross entropy so shifted, and it learns "
        f"{learns}. Where: the forward of {kind.__module__}.{kind.__qualname__}, or its loss_function. What to do: "
        "shift in one place only, and once.",
        {"offset": 0, "model_shift": read.shift, "loss": read.loss, "rows": WITNESSES},
    )


def _agreeing(row: Row, offset: int) -> tuple[int, int]:
    """Labels that equal the token ``offset`` further on, among those of places where this token is another one."""
    labels, size = row.labels or [], len(row.ids)
    able = [
        place
        for place, label in enumerate(labels)
        if label != IGNORED and 0 <= place + offset < size and row.ids[place] != row.ids[place + offset]
    ]
    return sum(labels[place] == row.ids[place + offset] for place in able), len(able)


def _is_aligned(row: Row) -> bool:
    """Whether enough labels are learnt from, and they are the tokens beside them."""
    labels = row.labels or []
    same = sum(labels[place] == row.ids[place] for place in row.supervised)
    return len(row.supervised) >= PLACES and same >= AGREEING * len(row.supervised)


def _is_causal(model: Any, row: Row) -> bool:  # noqa: ANN401
    """Whether another last token leaves the logits before it as they are."""
    import torch  # noqa: PLC0415

    try:
        last = max(place for place, own in enumerate(row.real) if own)
        other = next(number for number in row.ids if number != row.ids[last])
        device = next(iter(model.parameters())).device
        inputs = {name: value.to(device) if hasattr(value, "to") else value for name, value in row.batch.items()}
        passes = []
        for token in (row.ids[last], other):
            ids = inputs["input_ids"].clone()
            ids[..., last] = token
            with untouched(model), torch.no_grad():
                torch.manual_seed(0)  # the same dropout both times
                passes.append(model(**{**inputs, "input_ids": ids}).logits.float().flatten(0, -2)[:last])
        first, second = passes
        return bool((first - second).abs().max() <= ALIKE * first.std())
    except Exception:  # noqa: BLE001 - anybody's model may raise anything
        return False


@dataclass(frozen=True)
class ReadShift:
    """By how much a model shifts its labels.

    Attributes:
        shift: Tokens; None where its loss tells nothing.
        loss: What the model reported, in nats.
        gap: What the loss lies off the cross entropy of this shift, as a share of the distance to the next shift.
        words: Why nothing could be told.
    """

    shift: int | None
    loss: float = math.nan
    gap: float = math.inf
    words: str = ""


def read_shift(model: Any, row: Row) -> ReadShift:  # noqa: ANN401
    """Compare the loss that a model reports of a row with its logits' cross entropy, shifted by nothing, one and two.

    The model, its buffers and every random state stay as they are.
    """
    import torch  # noqa: PLC0415 - rows are judged without it

    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return ReadShift(None, words="an encoder-decoder shifts in its own way")
    try:
        if not all(is_readable(weight) for weight in model.parameters()):
            return ReadShift(None, words="the model lies in parts that cannot be asked one by one")
        with untouched(model), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # checkpointing warns without gradients
            device = next(iter(model.parameters())).device
            inputs = {name: value.to(device) if hasattr(value, "to") else value for name, value in row.batch.items()}
            output = model(**inputs)
            logits = output.logits.float().flatten(0, -2)
            labels = torch.tensor(row.labels, device=device)[-len(logits) :]
            loss = float(output.loss)
            losses = [
                float(torch.nn.functional.cross_entropy(logits[: len(logits) - shift], labels[shift:]))
                for shift in SHIFTS
            ]
    except Exception as error:  # noqa: BLE001 - anybody's model may raise anything
        return ReadShift(None, words=f"a forward pass over one row raised {type(error).__name__}: {error}")
    shift = min(SHIFTS, key=lambda one: abs(loss - losses[one]))
    apart = min(abs(losses[shift] - losses[other]) for other in SHIFTS if other != shift)
    if abs(loss - losses[shift]) < NEARER * apart:
        return ReadShift(shift, loss, abs(loss - losses[shift]) / apart)
    known = ", ".join(f"{value:.4f}" for value in losses)
    return ReadShift(None, loss, words=f"the model's loss of {loss:.4f} is none of {known}: labels shifted by 0, 1, 2")
