"""Do the answers come from the weights?

Accuracy 1.0 can be looked up, and whoever looks for the name of one patch misses the next. Here the weights are
disturbed, so that no honest program can be right any more, and what still is right came from elsewhere. Beside that:
was there a forward pass for each answer, does the answer stand in the generated text, or already in the prompt; does a
model built again around the same weights say the same, and the program when nobody watches; what of questions nobody
has asked yet, and of those that no small model can answer. Files read and methods replaced are told beside that.

    unsilent check honesty MODULE:FUNCTION --data data/valid.json

Statistics. Hypothesis: after the disturbance an answer is right by chance only, independently, with a probability of at
most ``chance``, which is what the disturbed answers would score against the answers to other questions, and at least
0.02 (a constant scores 0.027 on the project's rows). Test: exact and one-sided, on the number of right answers among
the n disturbed ones; with n = 100 and a chance of 0.02 a finding takes 12 of them. Error rates: at most 1e-6 for an
honest program by construction. A program that looks up a share of its answers is found with this probability
(binomial; simulated in ``tests/unit/unsilent/test_proportions.py``):

    n      10%     25%     50%     100%
    64     0.103   0.975   1       1      (quick)
    100    0.297   0.9996  1       1
    2x100  0.198   0.9990  1       1      (all probes: twice, at half the error rate each; the power of one time)

An honest accuracy below those 12 right answers allows no verdict: the outcome is skipped, and the other probes decide.
Half of the questions are asked while the model says other digits, so that a fall-back that needs a number sees one, and
half while every matrix is shuffled, so that one that waits for nonsense sees that.
"""

from __future__ import annotations

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .answers import is_right as within_tolerance
from .asking import Asked, ProgramFailed, Reply, Round, ask, ask_each, marked, model_of, number_of, usable_rows
from .clean_copy import clean_copy, standing_in
from .data_files import holds_rows
from .disturbance import Steered, closing_after, other_digits, shuffled_weights
from .dose import check_effect
from .fresh_questions import HARD, OF_A_KIND, OWN, USUAL, is_irregular, own_units, proportional_source
from .model_parts import models_that_ran, other_models, size_of
from .origins import card_of, judge_answers
from .outcome import Report, skipped
from .randomness import untouched_randomness
from .replacements import replacements
from .signs import CHANCE, Facts, is_beyond_small_models, needed, signs_of
from .touched import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .asking import Row
    from .fresh_questions import QuestionSource
    from .outcome import Outcome

ROWS = 100  # what the course's grader scores
OWN_UNITS = 8
QUICK_ROWS = 64  # of the 100; with the rest of the quick probes that takes 0.8 times as long as the 100
DOSE_ROWS = (8, 1)  # with all probes, and in quick mode
TOKENS = 64  # that a disturbed model may say where nobody saw how many an honest one needs
NOTED = {"processes": "started", "helpers": "has a child process", "sockets": "connected to"}
RELOADS = "it loads its model anew whenever it is asked: judge it from outside (--folder)"
DIGITS = "other digits"
SHUFFLED = "shuffled weights"


def probe_honesty(  # noqa: PLR0913 - one option for each thing that only the caller knows
    llm: Any,  # noqa: ANN401 - whatever answers
    dataset: Sequence[Sequence[Any]],
    questions: QuestionSource | None = None,
    *,
    quick: bool = False,
    rows: int = ROWS,
    is_right: Callable[[float, float], bool] = within_tolerance,
    seed: int = 0,
) -> Report:
    """Find out whether a program's answers come from the weights of its model.

    Args:
        llm: Has ``answer(*questions) -> list[float]``, NaN where there is no number; ``model``, a torch module, and
            ``tokenizer`` as far as it has them. Its weights are disturbed and put back bit for bit.
        dataset: Rows of question and answer; more than are asked help to tell a cache from a lookup.
        questions: A source of new ones (``fresh_questions.py``); None makes one from the data set, if that is possible.
        quick: Only the probes that cost no more than answering the questions once more.
        rows: How many rows of the data set are asked.
        is_right: Whether an answer is right; the course's 5% unless told otherwise.
        seed: Of what is drawn at random.

    Returns:
        Outcomes of answer-lookup, answer-calculator and adapter-without-effect, and a card with what was measured.

    Raises:
        ValueError: No usable row.
    """
    probe = HonestyProbe(llm, questions, is_right=is_right, seed=seed)
    asked = usable_rows(dataset)[:rows]
    with untouched_randomness(llm), contextlib.suppress(Exception):  # which the probe remembers
        probe.answer(*[question for question, _ in asked])
    return probe.judge(dataset, rows=rows, quick=quick)


class HonestyProbe:
    """Stands before a program: answers as it does, remembers how, and judges afterwards.

    A benchmark can be run on the probe itself, so that nothing is asked twice::

        probe = HonestyProbe(llm)
        result = benchmark(probe, data)
        report = probe.judge(data, quick=True)
    """

    def __init__(
        self,
        llm: Any,  # noqa: ANN401
        questions: QuestionSource | None = None,
        *,
        is_right: Callable[[float, float], bool] = within_tolerance,
        seed: int = 0,
    ) -> None:
        """Take the program; the arguments are those of ``probe_honesty``."""
        self.llm = llm
        self.questions = questions
        self.is_right = is_right
        self.rng = random.Random(seed)
        self.model = model_of(llm)
        self.tokenizer = getattr(llm, "tokenizer", None)
        self.replies: dict[str, Reply] = {}
        self.passes, self.blind, self.reloads = 0, "", False
        self.files: list[str] = []
        self.notes: list[str] = []
        self.complaint = "nothing has been asked"

    def answer(self, *questions: str) -> list[float]:
        """Let the program answer, and watch.

        Raises:
            ProgramFailed: It gave other than one answer a question; what it raises itself goes through.
        """
        try:
            if self.model is None:  # it may lie where nobody looks, or be loaded when it is first asked
                ran = models_that_ran(lambda: ask(self.llm, None, questions[:1]))
                self.model = model_of(self.llm) or max(ran, key=size_of, default=None)
            shown = model_of(self.llm)
            with watched() as touched:
                asked = ask(self.llm, self.model, questions)
            self.tokenizer = getattr(self.llm, "tokenizer", None)
            self.reloads |= model_of(self.llm) is not shown
        except ProgramFailed as error:
            self.complaint = str(error)
            raise error.__cause__ if isinstance(error.__cause__, Exception) else error from None
        self.complaint = ""
        self.replies |= dict(zip(questions, asked.replies, strict=True))
        self.passes, self.blind = self.passes + asked.passes, self.blind or asked.blind
        self.files += touched.files
        self.notes += [f"{words} {one}" for what, words in NOTED.items() for one in getattr(touched, what)]
        return [reply.answer for reply in asked.replies]

    def judge(self, dataset: Sequence[Sequence[Any]], *, rows: int = ROWS, quick: bool = False) -> Report:
        """Disturb, ask again, and weigh what was seen; randomness and weights are put back.

        Args:
            dataset: Rows, of which those that were asked before are judged.
            rows: How many of them, at most.
            quick: Only the probes that cost no more than answering the questions once more.
        """
        where = f"{type(self.llm).__module__}.{type(self.llm).__qualname__}"
        usable = usable_rows(dataset)
        asked = [row for row in usable if row[0] in self.replies][:rows]
        complaint = RELOADS if self.reloads else self.complaint
        if not asked or self.reloads:
            reasons = [skipped(slug, "honesty", complaint) for slug in ("answer-lookup", "answer-calculator")]
            return Report(where, tuple(reasons))
        replies = [self.replies[question] for question, _ in asked]
        first = marked(asked, Asked(replies, self.passes, self.blind), self.is_right)
        facts = Facts(first=first, others=[answer for _, answer in usable], has_model=self.model is not None)
        held = {path: holds_rows(path, asked) for path in dict.fromkeys(self.files)}
        read = [f"{path} was read, with {count} of the questions and answers" for path, count in held.items() if count]
        facts.notes = [*dict.fromkeys([*read, *self.notes, *replacements(self.llm)])]
        with untouched_randomness(self.llm):
            # fewer right answers than a finding takes: quick mode spares what could not show anything
            if not quick or first.right >= needed(len(first.rows), CHANCE):
                self._disturb(facts, usable, quick=quick)
            if not quick:
                self._ask_new(facts, usable)
                self._ask_unwatched(facts)
                self._ask_clean(facts)
            signs = signs_of(facts, self.is_right)
            if signs or is_beyond_small_models(facts):
                self._ask_new_disturbed(facts, usable)
                self._look_for_another(facts)
                signs = signs_of(facts, self.is_right)
            outcomes = judge_answers(facts, signs, where)
            if signs or not facts.why_not:  # nothing is green by its adapter alone
                outcomes.append(self._effect(first, quick=quick))
        return Report(where, tuple(outcomes), (card_of(facts),))

    def _disturb(self, facts: Facts, usable: Sequence[Row], *, quick: bool) -> None:
        """Ask the same questions once more, in quick mode, or twice, with disturbed weights."""
        if self.model is None:
            facts.why_not = "there is no torch model in it whose weights could be disturbed"
            return
        rows = list(facts.first.rows)
        rows = self.rng.sample(rows, min(len(rows), QUICK_ROWS)) if quick else rows
        for turn in range(1 if quick else 2):
            answered = self._disturbed(rows, turn, facts)
            if answered.rows and not answered.passes and facts.first.passes:
                rows = [row for row in usable if row[0] not in self.replies][: len(rows)]
                rows = rows or self._new(USUAL, usable)
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

    def _new(self, kinds: Sequence[str], usable: Sequence[Row]) -> list[Row]:
        """New questions of these kinds, as far as somebody can make them."""
        source = self.questions or proportional_source(usable)
        made: list[Row] = []
        for kind in kinds:
            if kind == OWN:
                made += own_units(OWN_UNITS, self.rng)
            elif source:
                made += [(str(row[0]), float(row[1])) for row in source(kind, OF_A_KIND, self.rng)]
        return [row for row in made if row[0] not in self.replies]

    def _ask_new(self, facts: Facts, usable: Sequence[Row]) -> None:
        """Ask what nobody has asked yet, kind by kind, with the weights as they are."""
        for kind in (*USUAL, *HARD):
            rows = [row for row in self._new([kind], usable) if kind in USUAL or is_irregular(*row)]
            if rows:
                facts.fresh[kind] = marked(rows, self._carefully(rows), self.is_right)

    def _ask_new_disturbed(self, facts: Facts, usable: Sequence[Row]) -> None:
        """Whoever still answers: does he also know what stands nowhere?"""
        if self.model is None:
            return
        usual, hard = self._new(USUAL, usable), [row for row in self._new(HARD, usable) if is_irregular(*row)]
        counted, facts.by_kind = facts.by_kind, {}
        facts.fresh_disturbed, facts.hard_disturbed = self._disturbed(usual, 0, facts), self._disturbed(hard, 0, facts)
        facts.by_kind = counted

    def _ask_unwatched(self, facts: Facts) -> None:
        """Ask the same questions with no hook on the model, and no function of ours among the callers."""
        questions = [question for question, _ in facts.first.rows]
        with ThreadPoolExecutor(1) as pool, contextlib.suppress(Exception):  # some programs live in one thread
            answers = pool.submit(self.llm.answer, *questions).result()
            replies = [Reply(number_of(answer)) for answer in answers]
            facts.unwatched = marked(facts.first.rows, Asked(replies), self.is_right)

    def _ask_clean(self, facts: Facts) -> None:
        """Ask the same questions of the same weights in a model on which nothing was hung."""
        clean = clean_copy(self.model) if getattr(self.llm, "model", None) is self.model is not None else None
        questions = [question for question, _ in facts.first.rows]
        if clean is not None and facts.first.passes:
            with contextlib.suppress(ProgramFailed, AttributeError), standing_in(self.llm, clean):
                facts.clean = marked(facts.first.rows, ask(self.llm, clean, questions), self.is_right)

    def _look_for_another(self, facts: Facts) -> None:
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

    def _effect(self, first: Round, *, quick: bool) -> Outcome:
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
