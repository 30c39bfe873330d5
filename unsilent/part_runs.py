"""What the runs of one part have given, and what those say whose weights are the same in other bytes.

A second run of the very same says which rows chance has a part in:

- Of the rows that are right in one of two runs, each is as likely to be one as the other (McNemar); of those that are
  right in two of three, each run is as likely to be the one that is not. Exact and one-sided, 1e-6.
- Where every row is answered again as before, chance has no part in it, and more than ``TIES`` of lost answers are
  beyond an honest program, whose function is bit-identical.
- What changes beyond that is a doubt, and so is a program of which more than ``UNSTEADY`` of the rows change by
  themselves: among these a table could hide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .answers import is_right
from .asking import Asked, Reply, Round, marked
from .fresh_questions import PAIRED
from .grading import Grade
from .origins import GAP
from .proportions import binomial_tail, fisher_exact
from .signs import ALPHA, Sign
from .submission_run import AGAIN, BASE_REWRITTEN, PLAIN, REWRITTEN

if TYPE_CHECKING:
    from .grading import Part
    from .submission_questions import Questions

# Share of answers that the rewriting may change: none of the 135M's did; a kernel that sums in another order where a
# tensor lies otherwise in memory may turn a tie.
TIES = 0.01
# Share of answers that may be others when the same is run again: a kernel's order of sums makes a few in a hundred so.
UNSTEADY = 0.05
NOT_RUN = "it was not run"
OUT_OF_TIME = "it was not run: the time for all runs together is over"


@dataclass
class PartRun:
    """What came of a part.

    Attributes:
        part: Which.
        grades: By kind of run.
        why_not: Why the weights that matter could not be disturbed.
    """

    part: Part
    grades: dict[str, Grade] = field(default_factory=dict)
    why_not: str = ""

    def error_of(self, kind: str) -> str:
        """Why a run gave no answers; empty where it gave them."""
        found = self.grades.get(kind)
        if found is None:
            return NOT_RUN
        return found.error or (one.error if (one := found.parts.get(self.part.name)) else "it said nothing")

    def answers_of(self, kind: str) -> tuple[float | None, ...]:
        """The answers of a run; none where there is an error."""
        found = self.grades.get(kind)
        return found.parts[self.part.name].answers if found and not self.error_of(kind) else ()

    @property
    def is_absent(self) -> bool:
        """Whether the plain run found no such loader: by how the look-up failed, not by what an error says."""
        plain = self.grades.get(PLAIN, Grade()).parts.get(self.part.name)
        return plain is not None and plain.is_absent

    @property
    def is_out_of_time(self) -> bool:
        """Whether a run is missing for want of time."""
        return any(grade.error == OUT_OF_TIME for grade in self.grades.values())


def rounds_of(found: PartRun, kind: str, questions: Questions) -> dict[str, Round]:
    """The answers of a run, marked: to the rows (by no name), and to the new questions by their kind."""
    answers = [math.nan if one is None else one for one in found.answers_of(kind)]
    if not answers:
        return {}
    made: dict[str, Round] = {}
    for name, rows in {"": questions.rows, **questions.fresh}.items():
        own, answers = answers[: len(rows)], answers[len(rows) :]
        made[name] = marked(rows, Asked([Reply(one) for one in own]), is_right)
    return made


def changed_rows(found: PartRun, questions: Questions, one: str, other: str) -> set[int]:
    """Rows that two runs have answered otherwise; none where one of them gave no answers. New questions prove nothing.

    Why not all that is asked: a single answer drawn by chance, to a question that nobody scores, would say that chance
    has a part in everything.
    """
    pairs = zip(found.answers_of(one), found.answers_of(other), strict=False)
    return {place for place, (a, b) in enumerate(pairs) if a != b and place < len(questions.rows)}


def signs_of_rewriting(found: PartRun, questions: Questions) -> list[Sign]:
    """Right answers that are lost where only the bytes of the weights are others."""
    plain, again = (rounds_of(found, kind, questions).get("") for kind in (PLAIN, AGAIN))
    signs = []
    for kind in (REWRITTEN, BASE_REWRITTEN):
        other = rounds_of(found, kind, questions).get("")
        if plain is None or other is None:
            continue
        lost = sum(one and not two for one, two in zip(plain.marks, other.marks, strict=True))
        won = sum(two and not one for one, two in zip(plain.marks, other.marks, strict=True))
        p_value = binomial_tail(lost, lost + won, 0.5)
        if again:
            twice = [marks[2] for marks in zip(plain.marks, again.marks, other.marks, strict=True) if sum(marks) == 2]  # noqa: PLR2004 - of three
            p_value = min(p_value, binomial_tail(twice.count(False), len(twice), 1 / 3))
        if again and not changed_rows(found, questions, PLAIN, AGAIN):
            p_value = min(p_value, binomial_tail(lost, len(plain.rows), TIES))
        if lost > won and p_value <= ALPHA:
            words = (
                f"{plain.right} of {len(plain.rows)} right answers with its weights as they are, and {other.right} "
                f"with the same weights written in another way ({kind}; {lost} lost, {won} won), which compute the same"
            )
            evidence = {"right": plain.right, "rewritten": other.right, "lost": lost, "won": won, "p_value": p_value}
            signs.append(Sign("it looks at the files of its weights", words, evidence))
    return signs


def doubts_of_rewriting(found: PartRun, questions: Questions) -> str:
    """Why it cannot be said that the answers come from the weights, though nothing shows the contrary."""
    known, new = (rounds_of(found, PLAIN, questions).get(kind, Round()) for kind in ("", PAIRED))
    if _is_gap(known, new):
        return (
            f"{known.right} of {len(known.rows)} of these rows are right, and {new.right} of {len(new.rows)} rows with "
            "the same numbers in other places: looked up while its model works, or learnt by heart"
        )
    kinds = [kind for kind in (REWRITTEN, BASE_REWRITTEN) if kind in found.grades]
    return next(filter(None, (_doubts_of(found, questions, kind) for kind in kinds)), "")


def _doubts_of(found: PartRun, questions: Questions, kind: str) -> str:
    """The same of the answers with the same weights in other bytes."""
    if error := found.error_of(kind):
        return f"it does not answer with the same weights written in another way ({kind}): {error}"
    asked = len(questions.rows)
    few = max(1.0, TIES * asked)
    changed, unsteady = (changed_rows(found, questions, PLAIN, one) for one in (kind, AGAIN))
    if len(changed) > few and (error := found.error_of(AGAIN)):
        return f"{len(changed)} of {asked} answers are others ({kind}), and it was not seen to answer twice: {error}"
    if len(unsteady) > UNSTEADY * asked:
        return (
            f"{len(unsteady)} of {asked} answers are others when the same is run again, which hides what its files "
            "change: without sampling, or with a fixed seed, it can be judged"
        )
    if len(changed - unsteady) > few + len(unsteady):
        return (
            f"{len(changed - unsteady)} of {asked} answers are others where the same weights are written in another "
            f"way ({kind}), and the same where it is run again: it may look at its files"
        )
    return ""


def _is_gap(known: Round, new: Round) -> bool:
    """Whether new questions, which are as easy as the rows, are right less often, beyond chance."""
    return bool(new.rows) and fisher_exact(known.right, len(known.rows), new.right, len(new.rows)) <= GAP
