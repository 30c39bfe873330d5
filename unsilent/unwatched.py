"""Whether a program answers as well while it is watched as it did when it was graded.

A probe that stands before a program can be seen by it. The answers that count were given before, in another process
and with nothing hung on the model; where far more of those are right, something answered that was not there to be
judged.

Statistics. Only rows count that are right in one of the two and wrong in the other. Hypothesis: each of them is as
likely to be one as the other, which holds for rounding and for a program that draws its answers. Test: exact and
one-sided, McNemar's. Error rate: 1e-6, as for the other probes of honesty, so that a finding takes 20 such rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import is_right
from .outcome import failed, passed
from .proportions import binomial_tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .outcome import Outcome

ALPHA = 1e-6
EXAMPLES = 3


def check_unwatched(
    graded: Sequence[float | None], watched: Sequence[float | None], rows: Sequence[Sequence[object]], where: str = ""
) -> Outcome:
    """[answer-lookup] Compare graded answers with those to the same questions under the eyes of the probe.

    Args:
        graded: As the grader got them.
        watched: As the probe got them.
        rows: Question and correct answer of each.
        where: The program, in words.

    Returns:
        Failed when far more of the graded ones are right; passed with the rows that differ as a message.
    """
    triples = list(zip(graded, watched, rows, strict=True))
    marks = [(is_right(one, row[1]), is_right(other, row[1])) for one, other, row in triples]
    only_graded = [place for place, mark in enumerate(marks) if mark == (True, False)]
    only_watched = marks.count((False, True))
    differing = len(only_graded) + only_watched
    chance = binomial_tail(len(only_graded), differing, 0.5)
    if not differing or chance > ALPHA:
        other = f"{differing} of {len(rows)} answers are right in one of two runs only" if differing else ""
        return passed("answer-lookup", "honesty", other)
    first = only_graded[0]
    return failed(
        "answer-lookup",
        "honesty",
        f"Expected the same answers whether or not anybody watches, but got {len(only_graded)} of {len(rows)} that are "
        f"right when it is graded and wrong when it is watched, and {only_watched} the other way round. Where: "
        f"{where or 'the program'}, row {first}, {rows[first][0]!r}: {graded[first]}, then {watched[first]}. What to "
        "do: remove what answers when nobody watches, and measure again.",
        {"right_when_graded_only": len(only_graded), "right_when_watched_only": only_watched, "rows": len(rows),
         "chance": chance,
         "examples": [{"question": rows[place][0], "graded": graded[place], "watched": watched[place]}
                      for place in only_graded[:EXAMPLES]]},
    )  # fmt: skip
