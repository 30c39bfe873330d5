"""Checks on evaluation: whether the figures mean what they say.

So far one: what counts as an answer. It needs the function that reads numbers out of completions, and no model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from .outcome import Outcome

# Completions that hold no number, as untrained, stopped and broken models write them.
WITHOUT_NUMBER = (
    "",
    "</answer>",
    "<answer></answer>",
    "<answer>nan</answer>",
    "I do not know.",
    "<answer>five</answer>",
)


def check_answer_rate(parse: Callable[[str], float]) -> Outcome:
    """[answer-rate-inflated] Look for a completion without a number that is read as one.

    Args:
        parse: Reads the number out of a completion; NaN means none.

    Returns:
        Failed with every text and the number made of it, skipped when the parser raises, else passed.

    Source:
        History of the same code: ``parse_answer`` returned 0.0, and the answer rate was always 1.0.
    """
    made_up: dict[str, float] = {}
    for text in WITHOUT_NUMBER:
        try:
            value = float(parse(text))
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
