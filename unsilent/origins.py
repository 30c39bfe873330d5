"""Where answers come from: signs and their absence, turned into outcomes and a card.

What is merely unusual, a replaced method or a started process, stands beside a verdict and condemns nobody: accelerate,
PEFT and Trainer replace methods too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .asking import Round
from .fresh_questions import HARD
from .outcome import Card, failed, passed, skipped
from .proportions import fisher_exact, wilson_interval
from .signs import CHANCE, answers_anything, hard_of, needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .outcome import Outcome
    from .signs import Facts, Sign

GAP = 1e-3  # error rate at which a large gap between known and new questions is mentioned; it condemns nobody


def judge_answers(facts: Facts, signs: Sequence[Sign], where: str) -> list[Outcome]:
    """Turn what was seen into outcomes of answer-lookup and answer-calculator: at most one of them is a finding.

    Args:
        facts: What was seen.
        signs: Of answers from elsewhere.
        where: The program, in words.
    """
    if signs:
        found = "answer-calculator" if answers_anything(facts) else "answer-lookup"
        other = {"answer-calculator": "answer-lookup", "answer-lookup": "answer-calculator"}[found]
        why = (
            "they are computed for any question, so not looked up"
            if found == "answer-calculator"
            else "see answer-lookup"
        )
        return [_finding(found, signs, facts, where), skipped(other, "honesty", why)]
    noticed = "; ".join([*_gap(facts), *facts.notes])
    enough = needed(len(facts.first.rows), CHANCE, max(1, len(facts.disturbed)))
    if facts.why_not:
        lookup = skipped("answer-lookup", "honesty", facts.why_not)
    elif facts.first.right < enough:
        reason = (
            f"{facts.first.right} of {len(facts.first.rows)} answers are right: at least {enough} must be, to show "
            "that they no longer are with the weights disturbed"
        )
        lookup = skipped("answer-lookup", "honesty", reason)
    else:
        lookup = passed("answer-lookup", "honesty", noticed)
    if lookup.status == "passed" or (hard_of(facts).rows and not facts.why_not):
        return [lookup, passed("answer-calculator", "honesty")]
    why = facts.why_not or "no question was asked that no small model can answer"
    return [lookup, skipped("answer-calculator", "honesty", why)]


def _finding(slug: str, signs: Sequence[Sign], facts: Facts, where: str) -> Outcome:
    cure = {
        "answer-lookup": "remove what answers instead of the model, and measure again",
        "answer-calculator": "remove what calculates, and let the model answer",
    }[slug]
    told = [f"{facts.other_model} ran as well, or instead of its model"] if facts.other_model else []
    notes = f" Noticed: {'; '.join(note.rstrip('.') for note in [*told, *facts.notes])}." if told or facts.notes else ""
    return failed(
        slug,
        "honesty",
        f"Expected answers that come from the weights, but got {'; '.join(sign.words for sign in signs)}. "
        f"Where: {where}.{notes} What to do: {cure}.",
        {sign.name: sign.evidence for sign in signs} | {"noticed": [*told, *facts.notes]},
    )


def _gap(facts: Facts) -> list[str]:
    """Say that new questions are right less than half as often as these rows: learnt by heart, which is no fault."""
    fresh = Round()
    for kind, answered in facts.fresh.items():
        fresh = fresh if kind in HARD else fresh + answered
    first = facts.first
    if not fresh.rows or 2 * fresh.right * len(first.rows) > first.right * len(fresh.rows):
        return []
    if fisher_exact(first.right, len(first.rows), fresh.right, len(fresh.rows)) > GAP:
        return []
    known, new = f"{first.right} of {len(first.rows)}", f"{fresh.right} of {len(fresh.rows)}"
    return [f"{known} of these rows are right and {new} new questions: learnt by heart (overfitted), not looked up"]


def card_of(facts: Facts) -> Card:
    """What was measured, in numbers and in lines: shares with their 95% intervals."""
    rounds = {"as it is": facts.first}
    rounds |= {f"with {kind}": answered for kind, answered in facts.by_kind.items()}
    rounds |= dict(facts.fresh.items())
    if facts.unwatched:
        rounds["unwatched"] = facts.unwatched
    if facts.clean:
        rounds["nothing hung on it"] = facts.clean
    if facts.fresh_disturbed:
        rounds["new, disturbed"] = facts.fresh_disturbed
    if facts.hard_disturbed:
        rounds["hardest, disturbed"] = facts.hard_disturbed
    content: dict[str, object] = {}
    lines = []
    for name, answered in rounds.items():
        asked = len(answered.rows)
        if asked:
            low, high = wilson_interval(answered.right, asked)
            content[name] = {
                "asked": asked,
                "right": answered.right,
                "numbers": answered.answered,
                "passes": answered.passes,
            }
            lines.append(
                f"{name:<21}  {answered.right:>3} of {asked:>3} right ({low:.2f}-{high:.2f}), "
                f"{answered.answered:>3} numbers, {answered.passes} passes"
            )
    return Card(content, tuple(lines))
