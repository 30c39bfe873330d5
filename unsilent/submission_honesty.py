"""Do a part's answers come from its weights? Decided from the answers of runs with weights that differ.

- Other values in the same places: right answers must vanish, or they come from elsewhere.
- The same function in other bytes: answers must stay. A program that looks at its files, and answers honestly only
  where these are not the ones it knows, shows itself here.

Where values of the package's own weights do not matter, the base's are disturbed under it: a part without an adapter
answers from these. Refusing weights, by raising, proves nothing and is undecided; so is what no run could show.

Right answers of disturbed weights are weighed as in ``signs``, rewritten ones in ``part_runs``.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from .answers import is_right
from .asking import Round
from .base_folders import said_of, size_of
from .fresh_questions import HARD
from .grading import Grade
from .origins import card_of, judge_answers
from .outcome import skipped
from .part_runs import OUT_OF_TIME, PartRun, changed_rows, doubts_of_rewriting, rounds_of, signs_of_rewriting
from .rewriting import WEIGHTS, fixed_weights
from .signs import Facts, chance_of, needed, signs_of
from .submission_run import (
    AGAIN,
    BASE_DISTURBED,
    BASE_REWRITTEN,
    DISTURBED,
    OF_BASE,
    OF_BASE_ALONE,
    PLAIN,
    REWRITTEN,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from .grading import Part
    from .outcome import Card, Outcome
    from .submission_questions import Questions
    from .submission_run import Runner

# What a file of another format must have to be able to answer: so many bytes, or a share of those of all weights and
# the least that any model has. A LoRA of rank 1 on the attention of the 135M has 500 kB.
FEWEST_BYTES, FEWEST_SHARE, LEAST_BYTES = 100_000, 0.1, 1_000
ALONE = "a root of its own"  # the protection under which a run sees no weights but those that are disturbed
NO_BASE = "no base model was found on this machine whose weights could be disturbed: name its folder with --base"


def run_part(
    runner: Runner, part: Part, questions: Questions, rng: random.Random, deadline: float = math.inf
) -> PartRun:
    """Run a part as often as it takes to know where its answers come from.

    Args:
        runner: Runs it.
        part: Which loader.
        questions: What the runner asks.
        rng: Draws the order of the runs.
        deadline: By the monotonic clock; no run begins after it.
    """
    found = PartRun(part)
    of_base = [PLAIN, *OF_BASE] if runner.bases else [PLAIN]
    has_own = runner.has_own(part)

    def run(kinds: Sequence[str]) -> None:
        """Make the runs that were not made yet, in an order drawn by chance, until nothing can come of more."""
        left = [kind for kind in kinds if kind not in found.grades]
        rng.shuffle(left)
        for kind in left:
            is_late = time.monotonic() > deadline
            found.grades[kind] = Grade(error=OUT_OF_TIME) if is_late else runner.ask(part, kind)
            if kind == PLAIN and not found.answers_of(PLAIN):
                return

    run([PLAIN, REWRITTEN, DISTURBED] if has_own else of_base)
    if not found.answers_of(PLAIN):
        return found
    if has_own and _is_beyond_chance(found, DISTURBED, questions):
        run(of_base)
    if any(changed_rows(found, questions, PLAIN, kind) for kind in (REWRITTEN, BASE_REWRITTEN)):
        run([AGAIN])
    found.why_not = _why_not(runner, found, questions, has_own=has_own)
    return found


def _why_not(runner: Runner, found: PartRun, questions: Questions, *, has_own: bool) -> str:
    """Why right answers that no disturbance has changed may come from weights all the same."""
    if has_own and not _is_beyond_chance(found, DISTURBED, questions):
        return ""
    if runner.others:
        return said_of(runner.others)
    if fixed := _large_fixed(runner):
        return f"{fixed} may hold weights, in a format that is not disturbed here"
    is_known = runner.bases or (has_own and ALONE in found.grades[PLAIN].protections)
    return "" if is_known else NO_BASE


def _large_fixed(runner: Runner) -> str:
    """The first file of a format that is not disturbed and is large enough to answer; empty where there is none."""
    fixed = fixed_weights(runner.source, runner.files)
    weights = {runner.source / path for path in runner.files if path.suffix in WEIGHTS}
    sizes = {path: path.stat().st_size for path in weights | {runner.source / name for name in fixed}}
    share = FEWEST_SHARE * (sum(sizes.values()) + size_of(list(runner.bases)))
    enough = max(LEAST_BYTES, min(FEWEST_BYTES, share))
    return next((name for name in fixed if sizes[runner.source / name] >= enough), "")


def _is_beyond_chance(found: PartRun, kind: str, questions: Questions) -> bool:
    """Whether more rows are right than luck gives."""
    if not (rounds := rounds_of(found, kind, questions)):
        return False
    return rounds[""].right >= needed(len(questions.rows), chance_of(rounds[""], questions.others, is_right))


def is_decidable(found: PartRun, questions: Questions) -> bool:
    """Whether a part counts against green where it is undecided: not the plain base that hardly ever is right."""
    return found.part.name not in OF_BASE_ALONE or _is_beyond_chance(found, PLAIN, questions)


def judge_part(found: PartRun, questions: Questions) -> tuple[list[Outcome], Card]:
    """Turn the runs into outcomes of answer-lookup and answer-calculator, and a card with what was measured."""
    facts = facts_of(found, questions)
    where = found.part.loader
    signs = [*signs_of(facts, is_right), *signs_of_rewriting(found, questions)]
    outcomes = judge_answers(facts, signs, where)
    if not signs and (doubt := doubts_of_rewriting(found, questions)):
        outcomes = [
            skipped("answer-lookup", "honesty", doubt) if one.slug == "answer-lookup" else one for one in outcomes
        ]
    return outcomes, card_of(facts)


def facts_of(found: PartRun, questions: Questions) -> Facts:
    """What was seen, as the signs take it: the disturbance that went deepest counts."""
    facts = Facts(others=questions.others, has_model=False, why_not=found.why_not)
    plain = rounds_of(found, PLAIN, questions)
    facts.first = plain.pop("")
    facts.fresh = plain
    kind = BASE_DISTURBED if BASE_DISTURBED in found.grades else DISTURBED
    disturbed = {} if found.why_not else rounds_of(found, kind, questions)
    if not disturbed:
        facts.why_not = facts.why_not or f"{kind}, it gave no answers: {found.error_of(kind)}"
        return facts
    facts.disturbed = [disturbed.pop("")]
    facts.by_kind = {
        one: rounds_of(found, one, questions)[""] for one in found.grades if one != PLAIN and found.answers_of(one)
    }
    facts.fresh_disturbed = sum((one for name, one in disturbed.items() if name not in HARD), Round())
    facts.hard_disturbed = sum((one for name, one in disturbed.items() if name in HARD), Round())
    if found.answers_of(DISTURBED) and kind == BASE_DISTURBED and not _is_beyond_chance(found, kind, questions):
        facts.notes.append("its own weights do not matter: the answers are those of the base alone")
    return facts
