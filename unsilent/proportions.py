"""Counting right answers: intervals, exact tails, and how surely a lookup shows; plain ``math``, no scipy.

A disturbed model should be right by chance only. ``fewest_beyond_chance`` says how many right answers chance does not
explain, at a stated error rate; ``chance_of_finding`` says how surely a program that looks up a share of its questions
gives that many. ``fisher_exact`` compares two counts neither of which is known to be chance.

Nothing here raises on an empty count: with nothing counted nothing is known, and the numbers say so.
"""

from __future__ import annotations

import math

WILSON_Z = 1.959963984540054  # both sides together leave out 5%


def wilson_interval(right: int, count: int, z: float = WILSON_Z) -> tuple[float, float]:
    """Give the interval of shares that ``right`` of ``count`` is compatible with; (0, 1) when nothing was counted.

    Source:
        E. B. Wilson, Probable inference, JASA 22 (1927); 46 of 100 is 0.366 to 0.557.
    """
    if count < 1:
        return 0.0, 1.0
    share, spread = right / count, z * z / count
    middle = share + spread / 2
    half = z * math.sqrt((share * (1 - share) + spread / 4) / count)
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    # at the ends the formula is exact, its rounding is not
    return (0.0 if right <= 0 else low), (1.0 if right >= count else high)


def binomial_tail(right: int, count: int, chance: float) -> float:
    """Probability of at least ``right`` successes in ``count`` independent trials of probability ``chance``."""
    if right <= 0:
        return 1.0
    if right > count or chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    terms = (
        math.exp(_log_choose(count, k) + k * math.log(chance) + (count - k) * math.log1p(-chance))
        for k in range(right, count + 1)
    )
    return min(1.0, math.fsum(terms))


def fewest_beyond_chance(count: int, chance: float, alpha: float) -> int:
    """Smallest number of right answers that chance reaches with probability ``alpha`` at most.

    It is ``count + 1``, which nothing reaches, where even ``count`` right answers would prove too little.
    """
    return next((k for k in range(count + 1) if binomial_tail(k, count, chance) <= alpha), count + 1)


def fisher_exact(right_a: int, count_a: int, right_b: int, count_b: int) -> float:
    """One-sided p-value that A is right more often than B, by chance alone, where both are equally good.

    The probability that, of all who were right in both, at least ``right_a`` fall into A: hypergeometric, exact.
    """
    right = right_a + right_b
    total = _log_choose(count_a + count_b, right)
    terms = (
        math.exp(_log_choose(count_a, k) + _log_choose(count_b, right - k) - total)
        for k in range(max(right_a, right - count_b, 0), min(count_a, right) + 1)
    )
    return min(1.0, math.fsum(terms))


def chance_of_finding(looked_up: float, asked: int, chance: float, alpha: float) -> float:
    """Power: how surely a program that looks up a share of its answers is found when the model is disturbed.

    Args:
        looked_up: Share of the questions that it looks up, each independently of the others, and always right.
        asked: Questions asked of the disturbed model.
        chance: What the bound allows a disturbed model to have right by luck. What is not looked up counts as wrong
            here, so the true power is greater, if it differs.
        alpha: Error rate of the bound.
    """
    return binomial_tail(fewest_beyond_chance(asked, chance, alpha), asked, looked_up)


def _log_choose(count: int, k: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
