"""Do the labels belong to the tokens beside them, or to their neighbours? And does the model shift them by itself?

A causal language model of transformers moves the labels by one before it compares: data code that has done so already
makes it learn the token after the next, with a loss that falls all the same.

Shapes: T tokens, V vocabulary.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from .collated import IGNORED, Row
from .outcome import failed, passed, skipped
from .randomness import untouched_randomness

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
# The loss that a model reports must lie so much nearer to one reading than to the other; what a mixture of experts adds
# to its loss is less.
NEARER = 0.25


def check_shift(sample: Sample, model: Any = None) -> Outcome:  # noqa: ANN401 - any causal language model
    """[labels-preshifted] Look for labels that are the next token's instead of their own: the model shifts by itself.

    Only places where neighbouring tokens differ can tell; rows of one token tell nothing.

    Args:
        sample: From ``read_sample``.
        model: Where one is given, a forward pass on one row must confirm that its loss shifts again.

    Returns:
        Failed with the offset; skipped without labels, or when the model's loss could not be read.

    Source:
        transformers#44642.
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
        return passed(slug, STAGE)
    if model is not None and offset == 1:
        again, words = _shifts_again(model, shifted[0])
        if again is None:
            return skipped(slug, STAGE, f"labels are shifted by {offset}, and {words}")
        if not again:
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


def _agreeing(row: Row, offset: int) -> tuple[int, int]:
    """Labels that equal the token ``offset`` further on, among those of places where this token is another one."""
    labels, size = row.labels or [], len(row.ids)
    able = [
        place
        for place, label in enumerate(labels)
        if label != IGNORED and 0 <= place + offset < size and row.ids[place] != row.ids[place + offset]
    ]
    return sum(labels[place] == row.ids[place + offset] for place in able), len(able)


def _shifts_again(model: Any, row: Row) -> tuple[bool | None, str]:  # noqa: ANN401
    """Compare the loss a model reports with its logits' cross entropy, shifted and not; None where neither fits."""
    import torch  # noqa: PLC0415 - rows are judged without it

    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return None, "an encoder-decoder shifts in its own way"
    buffers = []
    try:
        buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        with untouched_randomness(), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # checkpointing warns without gradients
            device = next(iter(model.parameters())).device
            inputs = {name: value.to(device) if hasattr(value, "to") else value for name, value in row.batch.items()}
            output = model(**inputs)
            logits = output.logits.float().flatten(0, -2)
            labels = torch.tensor(row.labels, device=device)[-len(logits) :]
            plain = float(torch.nn.functional.cross_entropy(logits, labels))
            shifted = float(torch.nn.functional.cross_entropy(logits[:-1], labels[1:]))
            loss = float(output.loss)
    except Exception as error:  # noqa: BLE001 - anybody's model may raise anything
        return None, f"a forward pass over one row raised {type(error).__name__}: {error}"
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
    apart = NEARER * abs(shifted - plain)
    if abs(loss - shifted) < apart:
        return True, f"the model's loss of {loss:.4f} is that of labels shifted again"
    if abs(loss - plain) < apart:
        return False, "the model's loss does not shift: this is what it wants"
    return None, f"the model's loss of {loss:.4f} is neither that of shifted ({shifted:.4f}) nor of plain labels"
