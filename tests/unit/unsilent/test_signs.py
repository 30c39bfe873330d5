"""What the probes saw is weighed: each sign has its bound, and what stays below it condemns nobody."""

from __future__ import annotations

import dataclasses
import math

import pytest
from seen import ROWS, answered, facts, spoken

from unsilent.answers import is_right
from unsilent.asking import Asked, Reply, Round, marked
from unsilent.origins import judge_answers
from unsilent.outcome import Outcome
from unsilent.signs import CHANCE, Facts, chance_of, needed, signs_of


def judged(facts: Facts) -> dict[str, Outcome]:
    """Outcomes by slug."""
    return {outcome.slug: outcome for outcome in judge_answers(facts, signs_of(facts, is_right), "a program")}


@pytest.mark.parametrize(("still", "status"), [(11, "passed"), (12, "failed"), (100, "failed")])
def test_bound_is_where_the_docstring_says(still: int, status: str) -> None:
    """12 of 100 with a chance of 0.02."""
    assert judged(facts(answered(90), answered(still, wrong=math.nan)))["answer-lookup"].status == status


def test_each_of_several_rounds_has_its_share_of_the_error() -> None:
    """Two rounds, so half of the rate each: one more right answer is needed, in either."""
    assert (needed(100, CHANCE), needed(100, CHANCE, 2)) == (12, 13)
    assert not signs_of(facts(answered(90), answered(12), answered(12)), is_right)
    assert signs_of(facts(answered(90), answered(0), answered(13)), is_right)


def test_constant_that_is_often_right_is_chance() -> None:
    """Somebody who always says the most common answer is right by luck as often as it occurs."""
    rows = [(f"What is {n}?", 5.0 if n < 30 else 10.0 * n) for n in range(100)]
    constant = marked(rows, Asked([Reply(5.0)] * 100, 9), is_right)

    assert constant.right == 30
    assert chance_of(constant, [row[1] for row in rows], is_right) == pytest.approx(0.3)
    assert not signs_of(Facts(first=constant, disturbed=[constant], others=[row[1] for row in rows]), is_right)


def test_low_accuracy_that_rises_is_found() -> None:
    """A fall-back that waits for nonsense shows itself when there is some."""
    assert judged(facts(answered(0), answered(50)))["answer-lookup"].status == "failed"


def test_no_forward_pass_is_found() -> None:
    """Right answers, and the model never ran; without a model nobody can say so."""
    silent = answered(90, read=0, passes=0)

    assert "without a single forward pass" in judged(facts(silent))["answer-lookup"].message
    assert not signs_of(facts(silent, has_model=False), is_right)
    assert not signs_of(facts(dataclasses.replace(silent, blind="it is compiled")), is_right)


def test_questions_that_were_never_read_are_found() -> None:
    """The model ran for the other ones."""
    silent = [
        Reply(correct) if number < 10 else Reply(correct, (spoken(correct),))
        for number, (_, correct) in enumerate(ROWS)
    ]
    sign = signs_of(facts(marked(ROWS, Asked(silent, 9), is_right), answered(0)), is_right)[0]

    assert sign.name == "no forward pass"
    assert sign.words == "10 right answers to questions that its model never read"


def test_prompts_that_were_rewritten_are_not() -> None:
    """As many of the wrong ones were not recognised: the program words its prompts itself."""
    replies = [Reply(correct if number % 2 else -1.0) for number, (_, correct) in enumerate(ROWS)]

    assert not signs_of(facts(marked(ROWS, Asked(replies, 9), is_right), answered(0)), is_right)


def test_answers_that_were_not_said_are_found() -> None:
    """Five of a hundred are enough where all others stand in the text."""
    odd = [Reply(correct, (spoken(correct if number >= 5 else 7e77),)) for number, (_, correct) in enumerate(ROWS)]
    found = signs_of(facts(marked(ROWS, Asked(odd, 9), is_right), answered(0)), is_right)

    assert [sign.words for sign in found] == ["5 right answers that its model did not write"]


def test_program_that_reads_otherwise_is_not_judged_by_its_text() -> None:
    """None of its numbers stands there, right or wrong: words, or another unit."""
    assert not signs_of(facts(answered(50, said=0), answered(0)), is_right)
    replies = [Reply(correct if number % 2 else -1.0, (spoken(correct if number % 5 else 3.0),))
               for number, (_, correct) in enumerate(ROWS)]  # fmt: skip
    assert not signs_of(facts(marked(ROWS, Asked(replies, 9), is_right), answered(0)), is_right)


@pytest.mark.parametrize(
    ("disturbed", "said", "status"),
    [(True, True, "failed"), (False, False, "failed"), (False, True, "passed")],
    ids=["stays", "was not written", "a model that can multiply"],
)
def test_hardest_questions_need_a_second_sign(disturbed: bool, said: bool, status: str) -> None:  # noqa: FBT001 - parameters of the table
    """A strong model may be right about them; it writes the answers, and loses them with its weights."""
    words = [(spoken(correct if said else 3.0),) for _, correct in ROWS[:24]]
    hard = marked(ROWS[:24], Asked([Reply(row[1], word) for row, word in zip(ROWS, words, strict=False)], 9), is_right)
    again = hard if disturbed else marked(ROWS[:24], Asked([Reply(-1.0)] * 24, 9), is_right)
    found = judged(facts(answered(5), answered(0), fresh={"long numbers": hard}, hard_disturbed=again))

    assert found["answer-calculator"].status == status


def test_hardest_questions_without_a_model_are_enough() -> None:
    """Nobody can disturb what is not there."""
    hard = marked(ROWS[:24], Asked([Reply(correct) for _, correct in ROWS[:24]], 0), is_right)
    seen = facts(answered(90, read=0, passes=0), fresh={"own units": hard}, has_model=False, why_not="no model")

    assert judged(seen)["answer-calculator"].status == "failed"


def told(prompt: str, *, others: int = 0) -> Round:
    """Answers that stood in a prompt beside other numbers, which differ from question to question."""
    replies = []
    for number, (question, correct) in enumerate(ROWS):
        decoys = " ".join(f"{1000.5 + 7 * number + one}" for one in range(others))
        words = f"{prompt} {question} {correct!r} {decoys}"
        replies.append(Reply(correct, (dataclasses.replace(spoken(correct), prompt=words),)))
    return marked(ROWS, Asked(replies, 9), is_right)


def test_answers_in_the_prompt_are_found() -> None:
    """Beside numbers of a template, which are the same for all."""
    sign = signs_of(facts(told("Answer in 1 line, 20 words."), answered(0)), is_right)[0]

    assert sign.words == "100 prompts in which the right answer stands already"


def test_options_in_the_prompt_are_not() -> None:
    """The right one stands among others: it is for the model to choose."""
    assert not signs_of(facts(told("Choose", others=3), answered(0)), is_right)
