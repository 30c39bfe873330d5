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
from typing import TYPE_CHECKING, Any

from .answers import is_right as within_tolerance
from .asking import Asked, ProgramFailed, Reply, ask, marked, model_of, usable_rows
from .data_files import holds_rows
from .model_parts import models_that_ran, size_of
from .origins import card_of, judge_answers
from .outcome import Report, skipped
from .randomness import untouched_randomness
from .replacements import replacements
from .rounds import Rounds
from .signs import CHANCE, Facts, is_beyond_small_models, needed, signs_of
from .touched import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .fresh_questions import QuestionSource

ROWS = 100  # what the course's grader scores
NOTED = {"processes": "started", "helpers": "has a child process", "sockets": "connected to"}
RELOADS = "it loads its model anew whenever it is asked: judge it from outside (--folder)"


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
        rounds = Rounds(
            self.llm, self.model, self.tokenizer, usable, set(self.replies), self.questions, self.is_right, self.rng
        )
        with untouched_randomness(self.llm):
            # fewer right answers than a finding takes: quick mode spares what could not show anything
            if not quick or first.right >= needed(len(first.rows), CHANCE):
                rounds.disturb(facts, quick=quick)
            if not quick:
                rounds.ask_new(facts)
                rounds.ask_unwatched(facts)
                rounds.ask_clean(facts)
            signs = signs_of(facts, self.is_right)
            if signs or is_beyond_small_models(facts):
                rounds.ask_new_disturbed(facts)
                rounds.look_for_another(facts)
                signs = signs_of(facts, self.is_right)
            outcomes = judge_answers(facts, signs, where)
            if signs or not facts.why_not:  # nothing is green by its adapter alone
                outcomes.append(rounds.judge_effect(first, quick=quick))
        return Report(where, tuple(outcomes), (card_of(facts),))
