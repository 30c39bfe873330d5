"""Is there an answer before the grader stops waiting?

The load counts, and the first batch with everything it compiles. A part that is ended counts as answered wrongly,
however many answers it had. Seconds are measured elsewhere, by a clock that the submission does not hold.

    check_speed(grade.parts["sft"].seconds, 60.0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from .failures import Stage
    from .outcome import Outcome

SLUG = "answers-too-slow"
STAGE: Stage = "evaluation"
# Of the limit; the grader's machine is not this one, and a share above it is worth a word.
CLOSE = 0.8


def check_speed(seconds: float | None, limit: float, *, load_seconds: float | None = None, reason: str = "") -> Outcome:
    """Decide whether load and answers together take longer than the grader waits.

    Args:
        seconds: Of both; None where nothing could be timed.
        limit: Seconds; reached is not exceeded.
        load_seconds: The part of it that went into loading, where that is known.
        reason: Why there is nothing, where there is not.
    """
    if seconds is None:
        return skipped(SLUG, STAGE, reason or "nothing was timed")
    shares = "" if load_seconds is None else f", {load_seconds:.1f} s of it for the load"
    if seconds <= limit:
        close = f"{seconds:.1f} s of {limit:g} s: a slower machine may need more" if seconds > CLOSE * limit else ""
        return passed(SLUG, STAGE, close)
    mostly_load = load_seconds is not None and load_seconds > seconds / 2
    cure = "save what the load works out anew" if mostly_load else "ask in batches, sorted by length, ending at the tag"
    return failed(
        SLUG,
        STAGE,
        f"Expected load and answers within {limit:g} s, but got {seconds:.1f} s{shares}. "
        f"Where: a fresh process on this machine. What to do: {cure}, and measure with nothing else running.",
        {"seconds": seconds, "limit": limit, "load_seconds": load_seconds},
    )
