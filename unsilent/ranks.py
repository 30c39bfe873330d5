"""What the processes of one training say to each other before a step, and what follows from it.

A rank that stops alone leaves the others waiting in their next all-reduce; one that skips a step alone trains another
adapter from then on. So every rank judges its own numbers, which are still its own: gradients are measured before they
are averaged. Then all say, in one small operation on the host, whether they have found something. Only if one has, or
when it is time to compare, they tell each other what; and from the same words each draws the same conclusion. At the
beginning, after steps 1, 2, 4, 8, ..., after every 50th and at the end they also compare what must be equal.
"""

from __future__ import annotations

import dataclasses
import json
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .failures import FAILURES
from .meeting import ONE_PROCESS, SHARDED, meet
from .outcome import FailureWarning, failed, passed, plain, skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import torch

    from .failures import Stage
    from .meeting import Line
    from .outcome import Outcome

SLUG = "ranks-disagree"
STAGE: Stage = "guard"
COMPARE_EVERY = 50  # steps; before that at powers of two: what is wrong with a set-up drifts from its first step on
NAMED = 20  # names kept as evidence
MOMENTS = ("the beginning", "a step", "the end")
BEGINNING, STEP, END = MOMENTS
NOT_ASKED = "each process was said to train something of its own: ranks=False"
GRADIENTS = "the gradients"  # a fact that explains others, and is no fault by itself: some engines keep their own
NOTHING = "nothing"  # what a rank says of something that only others know of


@dataclass(frozen=True)
class Word:
    """What one rank says.

    Attributes:
        moment: One of ``MOMENTS``.
        step: The step that it prepares.
        found: Outcomes, the root cause first.
        facts: What must be equal, by name; empty where it is not time to compare.
    """

    moment: str
    step: int
    found: tuple[Outcome, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


class Ranks:
    """The ranks that watch one training; a single process is in agreement with itself, and nothing is done.

    Attributes:
        line: How they talk; None where one process trains, or where they cannot.
        why_not: Why there is no line.
        compared: Steps that were done when they last told each other what must be equal; None: they never did.
    """

    def __init__(self, line: Line | None = None, why_not: str = "") -> None:
        """Talk over a line that is open already."""
        self.line = line
        self.why_not = why_not
        self.compared: int | None = None

    @property
    def has_compared(self) -> bool:
        """Whether they have told each other, at least once, what must be equal."""
        return self.compared is not None

    @classmethod
    def around(cls, weights: Iterable[torch.Tensor]) -> Ranks:
        """Those that are about to train these weights."""
        line, why_not = meet(weights)
        if line is None and why_not not in {ONE_PROCESS, SHARDED}:
            warnings.warn(FailureWarning(f"[{SLUG}] skipped: {why_not}"), stacklevel=4)
        return cls(line, why_not)

    def is_due(self, step: int) -> bool:
        """Whether weights are compared after a step."""
        return self.line is not None and (step % COMPARE_EVERY == 0 or step in {1, 2, 4, 8, 16, 32})

    def agree(
        self, found: Sequence[Outcome], *, moment: str, step: int, facts: Mapping[str, object] | None = None
    ) -> list[Outcome]:
        """Say what was found here; the conclusion is the same on every rank.

        Args:
            found: By this rank, the root cause first.
            moment: One of ``MOMENTS``.
            step: The step that is prepared, counted from 1.
            facts: What must be equal on all ranks; None where it is not time to compare.

        Returns:
            What stops this run or is warned of: that of the lowest rank that has found something, else
            ``ranks-disagree`` where what must be equal is not.
        """
        if self.line is None:
            return list(found)
        place = MOMENTS.index(moment)
        try:
            speaks, highest, lowest, last, first = self.line.largest(
                [int(bool(found) or bool(facts)), step, -step, place, -place]
            )
            if not speaks and (highest, last) == (-lowest, -first):
                return []
            words = self.line.gather(Word(moment, step, tuple(found), facts or {}))
        except RuntimeError as error:
            self._hang_up(f"a rank has left, or came too late: {error}")
            return [*found, left_alone(self.why_not, step)]
        if facts:
            self.compared = step - 1
        return conclude(words)

    def any(self, holds: bool) -> bool:  # noqa: FBT001 - one flag is all there is
        """Whether something holds on any rank."""
        if self.line is None:
            return holds
        try:
            return bool(self.line.largest([int(holds)])[0])
        except RuntimeError as error:
            self._hang_up(f"a rank has left, or came too late: {error}")
            return holds

    def settled(self, done: int) -> Outcome:
        """Passed where every step done was compared, else skipped with the reason; findings are told elsewhere."""
        why_not = self.why_not
        if not why_not and self.compared is None:
            why_not = "the ranks had nothing to compare yet"
        elif not why_not and self.compared != done:
            why_not = f"not compared since step {self.compared} of {done}: call finish() at the end of the loop"
        return skipped(SLUG, STAGE, why_not) if why_not else passed(SLUG, STAGE)

    def _hang_up(self, why: str) -> None:
        """Go on alone; the line would keep everybody waiting once more."""
        self.line, self.why_not = None, why


def conclude(words: Sequence[Word]) -> list[Outcome]:
    """Draw the conclusion from what every rank said, in the order of ranks: a function of the words alone."""
    finders = [rank for rank, word in enumerate(words) if word.found]
    if finders:
        return _of_finders(words, finders)
    places = {f"rank {rank}": f"{word.moment}, before step {word.step}" for rank, word in enumerate(words)}
    if len(set(places.values())) > 1:
        told = ", ".join(f"{place} on {rank}" for rank, place in places.items())
        return [
            failed(
                SLUG,
                STAGE,
                f"Expected all ranks at one place of the run, but got {told}. Where: the loop. What to do: give every "
                "rank the same number of batches, and skip or repeat no step on one rank alone.",
                {"places": places, "world": len(words)},
                step=min(word.step for word in words),
            )
        ]
    return check_agreement([word.facts for word in words], words[0].step)


def _of_finders(words: Sequence[Word], finders: Sequence[int]) -> list[Outcome]:
    """The findings of the lowest rank that has some; what not all have found, and others would have waited on."""
    world, first = len(words), finders[0]
    if len(finders) == world:
        where = f"on all {world} ranks"
    else:
        where = f"on rank{'s' * (len(finders) > 1)} {', '.join(map(str, finders))} of {world} (counted from 0)"
    told = [
        dataclasses.replace(
            outcome,
            message=f"{outcome.message} Found {where}.",
            evidence={**outcome.evidence, "rank": first, "ranks": list(finders), "world": world},
        )
        for outcome in words[first].found
    ]
    root = told[0].slug
    if len(finders) < world and root in FAILURES[SLUG].symptom_of:
        told.append(
            failed(
                SLUG,
                STAGE,
                f"Expected every rank to find the same, but got {root} {where}. Where: before step "
                f"{words[first].step}. What to do: look at {root} there; no rank has taken the step.",
                {"found": root, "ranks": list(finders), "world": world},
                step=words[first].step,
            )
        )
    return told


def check_agreement(facts: Sequence[Mapping[str, object]], step: int) -> list[Outcome]:
    """[ranks-disagree] Compare what must be equal on all ranks: settings at the beginning, weights bit by bit.

    Args:
        facts: Of each rank, by name, in the order of ranks.
        step: The step that is prepared.

    Returns:
        One finding that names what differs, and on which ranks; empty where nothing does.
    """
    names = dict.fromkeys(name for one in facts for name in one)
    said = {name: [json.dumps(plain(one.get(name, NOTHING)), default=str) for one in facts] for name in names}
    differs = {name: values for name, values in said.items() if len(set(values)) > 1}
    is_averaged = not differs.pop(GRADIENTS, None)
    if not differs:
        return []
    name, values = next(iter(differs.items()))
    told = ", ".join(f"{value} on rank {rank}" for rank, value in enumerate(values))
    others = f", and {len(differs) - 1} more that differ" if len(differs) > 1 else ""
    others += "" if is_averaged else "; the gradients of the next step differ as well: they are not averaged"
    when = "before step 1" if step == 1 else f"after step {step - 1}"
    return [
        failed(
            SLUG,
            STAGE,
            f"Expected {name} to be the same on all {len(facts)} ranks, but got {told}{others}. Where: {when}. What to "
            "do: train through DistributedDataParallel or accelerate, with the same options, rows and seed on every "
            "rank, and let every rank take every step.",
            {
                "differs": list(differs)[:NAMED],
                "count": len(differs),
                "values": {f"rank {rank}": value for rank, value in enumerate(values)},
                "world": len(facts),
                **({} if is_averaged else {"averaged": False}),
            },
            step=step,
        )
    ]


def facts_of(arguments: Any, state: Any, loader: Any) -> dict[str, object]:  # noqa: ANN401 - a Trainer's
    """What every rank of a Trainer must have been given alike.

    Micro-batches are counted where the loader knows its length: a rank that runs out of them earlier leaves the others
    waiting in an all-reduce that it never comes to. Those beyond ``max_steps`` nobody comes to.
    """
    try:
        batches: object = len(loader)
    except (TypeError, NotImplementedError):  # an iterable that does not say
        batches = "unknown"
    most, accumulation = (getattr(arguments, name, None) for name in ("max_steps", "gradient_accumulation_steps"))
    if isinstance(batches, int) and most and most > 0 and accumulation:
        batches = min(batches, most * accumulation)
    return {
        "the number of micro-batches": batches,
        "max_steps": getattr(state, "max_steps", None),
        "the step to begin with": getattr(state, "global_step", None),
        "accumulation": getattr(arguments, "gradient_accumulation_steps", None),
        "the micro-batch size": getattr(arguments, "per_device_train_batch_size", None),
        "max_grad_norm": getattr(arguments, "max_grad_norm", None),
    }


def left_alone(why: str, step: int) -> Outcome:
    """[ranks-disagree] The others do not answer any more."""
    return failed(
        SLUG,
        STAGE,
        f"Expected every rank to come to this step, but got no answer: {why}. Where: step {step}. What to do: look for "
        "the error that another rank has ended with; give every rank the same number of batches.",
        {"reason": why},
        step=step,
    )
