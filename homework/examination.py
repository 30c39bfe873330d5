"""The examination after training: how accurate is it, on what, and was that earned?

It stands between the answer path, which must never see the algebra, and the probes of ``unsilent``, which need new
questions with their answers. Imported by ``test`` commands alone.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from unsilent.evaluation import check_answers
from unsilent.honesty import HonestyProbe
from unsilent.outcome import Report
from unsilent.overlap import check_overlap
from unsilent.prompts import check_prompt_bos, check_prompts
from unsilent.scorers import check_score
from unsilent.scores import score
from unsilent.sent_prompts import read_sent_prompts

from .conversion_utils import WORDINGS, ask, make_splits, unit_pairs
from .data import benchmark, is_answer_valid
from .errors import OptionInvalid
from .processes import ALONE, AnswersTogether, gather, on_first
from .tokens import tokenize
from .units import SPELLINGS, IncompatibleUnits, convert, resolve

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from unsilent.outcome import Outcome

    from .base_llm import BaseLLM
    from .conversion_utils import Question
    from .data import BenchmarkResult, Dataset, Row
    from .processes import Processes

PROBES = ("quick", "all", "none")
SEEN = ("replies", "passes", "blind", "complaint", "reloads", "files", "notes")  # what a probe keeps of an answer
PROMPTS = 3  # compared token by token; all are made by one function
TWO_DIGITS = range(11, 100)  # the data ask about 1 to 10
SEVEN_DIGITS = range(1_000_000, 10_000_000)
OTHER_WORDINGS = (  # none of which stands in the data
    "Tell me how many {b} there are in {n} {a}.",
    "{n} {a}: how much would that be in {b}?",
    "I have {n} {a}. State it in {b}.",
)


def new_questions(kind: str, count: int, rng: random.Random) -> list[tuple[str, float]]:
    """Make questions that stand in no data set, as ``unsilent.fresh_questions`` lays down; none of an unknown kind."""
    pairs = unit_pairs()
    if kind == "other numbers":
        made = ask(rng, pairs=pairs, numbers=TWO_DIGITS)
    elif kind == "other wordings":
        made = ask(rng, pairs=pairs, wordings=OTHER_WORDINGS)
    elif kind == "unseen pairs":
        train, _ = make_splits()
        seen = {(question.source, question.target) for question in train}
        made = (one for one in ask(rng, pairs=pairs) if (one.source, one.target) not in seen)
    elif kind == "long numbers":
        return [_with_long_number(one, rng.choice(SEVEN_DIGITS)) for one in _some(ask(rng, pairs=pairs), count)]
    else:
        return []
    return [question.row for question in _some(made, count)]


def _some(questions: Iterator[Question], count: int) -> list[Question]:
    """The first ``count`` different ones."""
    found: dict[str, Question] = {}
    for question in itertools.takewhile(lambda _: len(found) < count, questions):
        found.setdefault(question.text, question)
    return list(found.values())


def _with_long_number(question: Question, number: int) -> tuple[str, float]:
    """The same question about another amount."""
    answer = convert(number, question.source, question.target)
    return question.wording.format(n=number, a=question.source, b=question.target), float(answer)


def family_of(question: str) -> str:
    """Time, length, mass: read from the units in it, of which two must belong together."""
    units = [unit for unit in SPELLINGS if re.search(rf"(?<![\w^*/]){re.escape(unit)}(?![\w^*/])", question)]
    for one, other in itertools.permutations(units, 2):
        with contextlib.suppress(IncompatibleUnits):
            return resolve(one, other)[0].family
    return "unknown"


def wording_of(question: str) -> str:
    """The template it was made from, ``other`` where it is none of the project's."""
    return next((wording for wording, pattern in _patterns().items() if pattern.fullmatch(question)), "other")


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Templates as patterns; the longest first, for one may be part of another."""
    unit = "|".join(re.escape(spelling) for spelling in SPELLINGS)
    return {
        wording: re.compile(
            re.escape(wording)
            .replace(r"\{n\}", r"\d+")
            .replace(r"\{a\}", f"(?:{unit})")
            .replace(r"\{b\}", f"(?:{unit})")
        )
        for wording in WORDINGS
    }


def examine(  # noqa: PLR0913 - one option for each thing that only the caller knows
    llm: BaseLLM,
    data: Dataset | Sequence[Row],
    rows: int,
    *,
    train_rows: Sequence[Row] = (),
    example: Callable[..., dict[str, str]] | None = None,
    honesty: str = "quick",
    processes: Processes = ALONE,
) -> tuple[BenchmarkResult, Report]:
    """Run the benchmark, ask whether its figures mean what they say, and whether the answers come from the weights.

    Args:
        llm: Answers.
        data: Questions with their answers.
        rows: How many of them.
        train_rows: What it was trained on; without them neither overlap nor prompts are judged.
        example: Turns a training row into prompt and completion; without it prompts are not judged.
        honesty: ``quick``, ``all``, or ``none``.
        processes: Each answers its share of the questions; the first judges all of them.

    Raises:
        OptionInvalid: Another word.
    """
    if honesty not in PROBES:
        raise OptionInvalid(
            expected=", ".join(PROBES), got=repr(honesty), where="--honesty", action="choose one of them"
        )
    listed = [list(data[index]) for index in range(len(data))]
    probe = HonestyProbe(llm, new_questions, is_right=is_answer_valid)
    result = benchmark(AnswersTogether(llm if honesty == "none" else probe, processes), data, rows)
    _tell_each_other(probe, processes)

    def judge() -> Report:
        outcomes = _judge_evaluation(llm, result, listed, train_rows, example)
        if honesty == "none":
            return Report(llm.checkpoint.name, tuple(outcomes))
        report = probe.judge(listed, quick=honesty == "quick")
        return Report(llm.checkpoint.name, (*outcomes, *report.outcomes), report.cards)

    return result, on_first(processes, judge)


def _tell_each_other(probe: HonestyProbe, processes: Processes) -> None:
    """Give every rank's probe what the others have seen, as if it had asked all the questions itself."""
    seen = {name: getattr(probe, name) for name in SEEN}
    for rank, other in enumerate(gather(processes, seen)):
        if rank != processes.rank:
            probe.replies |= other["replies"]
            probe.passes += other["passes"]
            probe.blind, probe.complaint = probe.blind or other["blind"], probe.complaint and other["complaint"]
            probe.reloads |= other["reloads"]
            probe.files += other["files"]
            probe.notes += other["notes"]


def _judge_evaluation(
    llm: BaseLLM,
    result: BenchmarkResult,
    listed: Sequence[Sequence[Any]],
    train_rows: Sequence[Row],
    example: Callable[..., dict[str, str]] | None,
) -> list[Outcome]:
    """Answers that are numbers, scores that are finite, prompts as in training, rows that training has not shown."""
    outcomes = [
        check_answers([sample.answer for sample in result.samples]),
        check_score({"accuracy": result.accuracy, "answer rate": result.answer_rate}),
    ]
    if train_rows and example:
        shown = train_rows[:PROMPTS]
        sent = read_sent_prompts(llm, [str(row[0]) for row in shown])
        trained = [tokenize(llm.tokenizer, **example(*row)) for row in shown]
        outcomes += [check_prompts(llm.tokenizer, trained, sent), check_prompt_bos(llm.tokenizer, sent)]
    if train_rows:
        outcomes.append(check_overlap(train_rows, listed[: len(result.samples)]))
    return outcomes


def outcome_lines(report: Report) -> list[str]:
    """Every outcome, for people: what passed, what was found, and what could not be judged."""
    marks = {"passed": "[ok]", "failed": "[!!]", "skipped": "[--]"}
    told = {"answer-lookup": "the answers come from the weights"}
    lines = []
    for outcome in report.outcomes:
        said = outcome.message or outcome.reason or told.get(outcome.slug, "")
        lines.append(f"{marks[outcome.status]} {outcome.slug:<22} {said}".rstrip())
    return lines


def score_lines(result: BenchmarkResult) -> list[str]:
    """Accuracy and answer rate of all rows, of each family and wording, and the ten worst rows."""
    samples = result.samples
    scores = score(
        [sample.answer for sample in samples],
        [(sample.question, sample.correct_answer) for sample in samples],
        groups={"family": family_of, "wording": wording_of},
    )
    return scores.lines()
