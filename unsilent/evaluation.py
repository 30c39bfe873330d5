"""Checks on evaluation: whether the figures mean what they say.

So far two: what counts as an answer, and whether answers in a batch are those to single prompts. Both take the function
they judge and need no model of their own. Whether a reloaded model is the trained one is judged in ``parity.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .outcome import Outcome

# Completions that hold no number, as untrained, stopped and broken models write them.
WITHOUT_NUMBER = (
    "",
    "</answer>",
    "<answer>",
    "<answer></answer>",
    "<answer> </answer>",
    "<answer>-</answer>",
    "<answer>N/A</answer>",
    "<answer>nan</answer>",
    "I do not know.",
    "<answer>five</answer>",
)


def check_answer_rate(parse: Callable[[str], float | None]) -> Outcome:
    """[answer-rate-inflated] Look for a completion without a number that is read as one.

    Args:
        parse: Reads the number out of a completion; NaN or None means there is none.

    Returns:
        Failed with every text and the number made of it, skipped when the parser raises, else passed.

    Source:
        History of the same code: ``parse_answer`` returned 0.0, and the answer rate was always 1.0.
    """
    made_up: dict[str, float] = {}
    for text in WITHOUT_NUMBER:
        try:
            found = parse(text)
            value = math.nan if found is None else float(found)
        except Exception as error:  # noqa: BLE001 - anybody's parser may raise anything
            reason = f"the parser raised {type(error).__name__} for {text!r}, so it cannot be judged"
            return skipped("answer-rate-inflated", "evaluation", reason)
        if not math.isnan(value):
            made_up[text] = value
    if not made_up:
        return passed("answer-rate-inflated", "evaluation")
    text, value = next(iter(made_up.items()))
    return failed(
        "answer-rate-inflated",
        "evaluation",
        f"Expected NaN for a completion without a number, but got {value!r} for {text!r} "
        f"({len(made_up)} of {len(WITHOUT_NUMBER)} such texts). Where: the function that parses answers. What to do: "
        "return float('nan') where there is no number; 0.0 counts as an answer.",
        {"made_up": made_up, "tried": len(WITHOUT_NUMBER)},
    )


def check_padding(generate: Callable[[list[str]], list[str]], prompts: Sequence[str]) -> Outcome:
    """[padding-side] Compare completions of prompts alone with those in a batch of unequal lengths.

    Padding on the right changes nearly every prompt shorter than the longest; rounding, which depends on the size of a
    batch too, changes a few, and changes them as well in a batch of equal lengths, which needs no padding.

    Args:
        generate: Greedy completions of a list of prompts, in order.
        prompts: At least two, of different lengths.

    Returns:
        Failed when most of the padded prompts change, and more than do without padding; skipped when all prompts have
        one length, two calls with the same prompt differ, or the generator raises.

    Source:
        History of the same code; decoder-only models go on after the last position, padding or not.
    """
    slug = "padding-side"
    if len(set(map(len, prompts))) < 2:  # noqa: PLR2004 - two lengths
        return skipped(slug, "evaluation", "all prompts are of one length, so nothing is padded")
    try:
        alone = {prompt: generate([prompt])[0] for prompt in prompts}
        again = generate([prompts[0]])[0]
        batch = dict(zip(prompts, generate(list(prompts)), strict=True))
        differing = [prompt for prompt in alone if batch[prompt] != alone[prompt]]
        unpadded = sum(generate([prompt] * len(prompts))[0] != alone[prompt] for prompt in differing)
    except Exception as error:  # noqa: BLE001 - anybody's generator may raise anything
        return skipped(slug, "evaluation", f"the generator raised {type(error).__name__}: {error}")
    if again != alone[prompts[0]]:
        return skipped(slug, "evaluation", "the same prompt gives different completions: not greedy")
    padded = len(alone) - 1  # all but the longest, in tokens, which nobody here knows
    if 2 * len(differing) <= padded:
        return passed(slug, "evaluation")
    if 2 * unpadded > len(differing):
        reason = f"{unpadded} of {len(differing)} prompts change in a batch of equal lengths too: rounding, not padding"
        return skipped(slug, "evaluation", reason)
    first = differing[0]
    return failed(
        slug,
        "evaluation",
        f"Expected the same completion alone and in a batch, but got {batch[first][:40]!r} instead of "
        f"{alone[first][:40]!r} ({len(differing)} of {len(alone)} prompts change). Where: {first[:60]!r}. What "
        "to do: set tokenizer.padding_side = 'left' for generation.",
        {"differing": len(differing), "prompts": len(alone), "unpadded": unpadded, "prompt": first},
    )
