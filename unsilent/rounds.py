"""Rounds of questions to a program: which are asked, and what is disturbed, hidden or exchanged meanwhile.

``honesty`` decides which rounds there are and weighs what came of them; what was seen goes into ``Facts``. Whatever a
round changes is put back before it returns.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .asking import Asked, ProgramFailed, Reply, Round, ask, ask_each, marked, number_of
from .clean_copy import clean_copy, standing_in
from .disturbance import Steered, closing_after, other_digits, shuffled_weights
from .dose import check_effect
from .fresh_questions import HARD, OF_A_KIND, OWN, USUAL, is_irregular, own_units, proportional_source
from .model_parts import other_models
from .outcome import skipped

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Iterator, Sequence

    from .asking import Row
    from .fresh_questions import QuestionSource
    from .outcome import Outcome
    from .signs import Facts

OWN_UNITS = 8
QUICK_ROWS = 64  # of the 100; with the rest of the quick probes that takes 0.8 times as long as the 100
DOSE_ROWS = (8, 1)  # with all probes, and in quick mode
TOKENS = 64  # that a disturbed model may say where nobody saw how many an honest one needs
DIGITS = "other digits"
SHUFFLED = "shuffled weights"


@dataclass(frozen=True)
class Rounds:
    """Asks one program.

    Attributes:
        llm: The program.
        model: Its model, as far as there is one.
        tokenizer: As far as it has one.
        usable: Rows of the data set.
        known: Questions that it was asked before.
        source: Of new ones; None makes one from the rows, if that is possible.
        is_right: Whether an answer is right.
        rng: Of what is drawn at random.
    """

    llm: Any
    model: Any
    tokenizer: Any
    usable: Sequence[Row]
    known: Collection[str]
    source: QuestionSource | None
    is_right: Callable[[float, float], bool]
    rng: random.Random

    def disturb(self, facts: Facts, *, quick: bool) -> None:
        """Ask the same questions once more, in quick mode, or twice, with disturbed weights."""
        if self.model is None:
            facts.why_not = "there is no torch model in it whose weights could be disturbed"
            return
        rows = list(facts.first.rows)
        rows = self.rng.sample(rows, min(len(rows), QUICK_ROWS)) if quick else rows
        for turn in range(1 if quick else 2):
            answered = self._disturbed(rows, turn, facts)
            if answered.rows and not answered.passes and facts.first.passes:
                rows = [row for row in self.usable if row[0] not in self.known][: len(rows)]
                rows = rows or self._new(USUAL)
                answered = self._disturbed(rows, turn, facts)
                if not rows:
                    facts.why_not = "answers are remembered from the first time; there are no other questions"
            if not answered.rows:
                facts.why_not = facts.why_not or "nothing in its model could be disturbed"
                return
            facts.disturbed.append(answered)

    def _disturbed(self, rows: Sequence[Row], turn: int, facts: Facts) -> Round:
        """Ask half of the questions under each disturbance; which half, changes from turn to turn."""
        spoken = [reply.spoken[0].text for reply in facts.first.replies if reply.spoken]
        written = sum(any(map(str.isdigit, text)) for text in spoken)
        halves = {DIGITS: rows[turn::2], SHUFFLED: rows[1 - turn :: 2]}
        if self.tokenizer is None or 2 * written < len(spoken) or not spoken:
            halves = {SHUFFLED: rows}  # its answers are not made of digits, as far as anybody can see
        together = Round()
        for kind, half in halves.items():
            with self._state(kind, facts.first.longest or TOKENS) as disturbed:
                asked = self._carefully(half) if half and disturbed else Asked([])
                answered = marked(half[: len(asked.replies)], asked, self.is_right)
            if isinstance(disturbed, Steered) and asked.passes and not disturbed.passes:
                continue  # the model ran, and went by what should have changed it
            facts.by_kind[kind] = facts.by_kind.get(kind, Round()) + answered
            together += answered
        return together

    @contextlib.contextmanager
    def _state(self, kind: str, cap: int) -> Iterator[Steered | int]:
        """Disturb the model and give what tells how; 0 where there is nothing to disturb."""
        with contextlib.ExitStack() as stack:
            if kind == DIGITS:
                steered = stack.enter_context(other_digits(self.model, self.tokenizer))
                disturbed: Steered | int = steered if steered.tokens else 0
            else:
                disturbed = stack.enter_context(shuffled_weights(self.model))
            if ends := _end_tokens(self.model, self.tokenizer):
                stack.enter_context(closing_after(self.model, ends, cap))
            yield disturbed

    def _new(self, kinds: Sequence[str]) -> list[Row]:
        """New questions of these kinds, as far as somebody can make them."""
        source = self.source or proportional_source(self.usable)
        made: list[Row] = []
        for kind in kinds:
            if kind == OWN:
                made += own_units(OWN_UNITS, self.rng)
            elif source:
                made += [(str(row[0]), float(row[1])) for row in source(kind, OF_A_KIND, self.rng)]
        return [row for row in made if row[0] not in self.known]

    def ask_new(self, facts: Facts) -> None:
        """Ask what nobody has asked yet, kind by kind, with the weights as they are."""
        for kind in (*USUAL, *HARD):
            rows = [row for row in self._new([kind]) if kind in USUAL or is_irregular(*row)]
            if rows:
                facts.fresh[kind] = marked(rows, self._carefully(rows), self.is_right)

    def ask_new_disturbed(self, facts: Facts) -> None:
        """Whoever still answers: does he also know what stands nowhere?"""
        if self.model is None:
            return
        usual, hard = self._new(USUAL), [row for row in self._new(HARD) if is_irregular(*row)]
        counted, facts.by_kind = facts.by_kind, {}
        facts.fresh_disturbed, facts.hard_disturbed = self._disturbed(usual, 0, facts), self._disturbed(hard, 0, facts)
        facts.by_kind = counted

    def ask_unwatched(self, facts: Facts) -> None:
        """Ask the same questions with no hook on the model, and no function of ours among the callers."""
        questions = [question for question, _ in facts.first.rows]
        with ThreadPoolExecutor(1) as pool, contextlib.suppress(Exception):  # some programs live in one thread
            answers = pool.submit(self.llm.answer, *questions).result()
            replies = [Reply(number_of(answer)) for answer in answers]
            facts.unwatched = marked(facts.first.rows, Asked(replies), self.is_right)

    def ask_clean(self, facts: Facts) -> None:
        """Ask the same questions of the same weights in a model on which nothing was hung."""
        clean = clean_copy(self.model) if getattr(self.llm, "model", None) is self.model is not None else None
        questions = [question for question, _ in facts.first.rows]
        if clean is not None and facts.first.passes:
            with contextlib.suppress(ProgramFailed, AttributeError), standing_in(self.llm, clean):
                facts.clean = marked(facts.first.rows, ask(self.llm, clean, questions), self.is_right)

    def look_for_another(self, facts: Facts) -> None:
        """Ask one question again and see whether another model runs beside this one, or instead of it."""
        if self.model is not None:
            ran = other_models(lambda: self._carefully(facts.first.rows[:1]), self.model)
            facts.other_model = ", ".join(ran)

    def _carefully(self, rows: Sequence[Row]) -> Asked:
        """Ask all at once, or one by one where that raises."""
        questions = [question for question, _ in rows]
        try:
            return ask(self.llm, self.model, questions)
        except ProgramFailed:
            return ask_each(self.llm, self.model, questions)

    def judge_effect(self, first: Round, *, quick: bool) -> Outcome:
        """Whether the adapter, if there is one, makes what the model said, right answers first, any likelier."""
        said = sorted(zip(first.marks, first.replies, strict=True), key=lambda pair: not pair[0])
        examples = [(reply.spoken[0].prompt, reply.spoken[0].text) for _, reply in said if reply.spoken]
        if not examples:
            return skipped("adapter-without-effect", "evaluation", "nobody saw the model say anything")
        return check_effect(self.model, self.tokenizer, examples[: DOSE_ROWS[quick]])


def _end_tokens(model: Any, tokenizer: Any) -> list[int]:  # noqa: ANN401
    """Every token that ends a text: the tokenizer's, and those that the model is set to stop at."""
    settings = getattr(model, "generation_config", None)
    named = [getattr(tokenizer, "eos_token_id", None), getattr(settings, "eos_token_id", None)]
    return list(
        dict.fromkeys(
            token for one in named for token in (one if isinstance(one, list) else [one]) if token is not None
        )
    )
