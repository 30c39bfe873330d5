"""Whether a score is as high as the grader wants it: a point value on its own rows, with the interval beside it.

    check_bounds(score(answers, rows), accuracy=0.40, answer_rate=0.90, part="sft")

The grader takes the share as it is, so that is what is held against the bound. How much of it is luck is said.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .outcome import failed, passed

if TYPE_CHECKING:
    from .outcome import Outcome
    from .scores import Scores

SLUG = "score-below-bound"
EXAMPLES = 3  # of the worst rows


def check_bounds(scores: Scores, *, accuracy: float, answer_rate: float, part: str = "") -> Outcome:
    """[score-below-bound] Hold accuracy and answer rate against what the grader wants.

    Args:
        scores: Of the rows that the grader scores.
        accuracy: Must be exceeded.
        answer_rate: Must be exceeded, too.
        part: Whose score it is.

    Returns:
        Failed with both shares, their intervals and the worst rows; passed with what is a matter of luck: a bound
        within the interval of the share that exceeds it.

    Source:
        The course's grader gives no point at the lower end of its bands.
    """
    held = {"accuracy": (scores.accuracy, accuracy), "answer rate": (scores.answer_rate, answer_rate)}
    below = {name: share for name, (share, least) in held.items() if share.value <= least}
    if not below:
        lucky = [
            f"{name} {share}: other rows of the same kind may be below {least:g}"
            for name, (share, least) in held.items()
            if share.interval[0] <= least < share.interval[1] and least
        ]
        return passed(SLUG, "evaluation", "; ".join(lucky))
    worst = [dataclasses.asdict(row) for row in scores.worst[:EXAMPLES]]
    first = scores.worst[0]  # there is one: a share of 1.0 is above every bound
    given = "no number" if first.answer is None else f"{first.answer:g}"
    return failed(
        SLUG,
        "evaluation",
        f"Expected {' and '.join(f'{name} above {held[name][1]:g}' for name in below)}, but got "
        f"{' and '.join(str(share) for share in below.values())}. Where: {part or 'the model'}, "
        f"{scores.accuracy.count} rows; the worst, row {first.index}, {first.question!r}, has {given} instead of "
        f"{first.correct:g}. What to do: look at the worst rows, at the loss at the end of training "
        "and at which kinds of rows fail; train longer, or on more kinds of rows.",
        {name: {**share.as_json(), "bound": least} for name, (share, least) in held.items()} | {"worst": worst},
    )
