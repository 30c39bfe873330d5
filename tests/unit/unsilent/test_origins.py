"""Signs become outcomes, one finding at most; and whatever else was seen stands beside them."""

from __future__ import annotations

from seen import ROWS, answered, facts

from unsilent.answers import is_right
from unsilent.asking import Asked, Reply, marked
from unsilent.origins import card_of, judge_answers
from unsilent.outcome import Outcome
from unsilent.signs import Facts, signs_of


def judged(facts: Facts) -> dict[str, Outcome]:
    """Outcomes by slug."""
    return {outcome.slug: outcome for outcome in judge_answers(facts, signs_of(facts, is_right), "a program")}


def test_honest_answers_pass() -> None:
    """70 right ones, none with disturbed weights."""
    found = judged(facts(answered(70), answered(0)))

    assert {slug: outcome.status for slug, outcome in found.items()} == {
        "answer-lookup": "passed",
        "answer-calculator": "passed",
    }


def test_low_accuracy_allows_no_verdict() -> None:
    """Skipped with the number it takes; the calculator's own questions decide about that one."""
    found = judged(facts(answered(11), answered(0)))
    assert found["answer-lookup"].reason.startswith("11 of 100 answers are right: at least 12 must be")
    assert found["answer-calculator"].status == "skipped"

    hard = marked(ROWS[:24], Asked([Reply(-1.0)] * 24, 1), is_right)
    found = judged(facts(answered(11), answered(0), fresh={"long numbers": hard}))
    assert found["answer-calculator"].status == "passed"


def test_new_questions_tell_a_calculator() -> None:
    """Who is right about what stands nowhere, with any weights, calculates."""
    new = marked(ROWS[:24], Asked([Reply(correct) for _, correct in ROWS[:24]], 0), is_right)
    found = judged(facts(answered(100), answered(100), fresh_disturbed=new))

    assert (found["answer-calculator"].status, found["answer-lookup"].status) == ("failed", "skipped")


def test_learnt_by_heart_is_a_note() -> None:
    """A large gap to new questions is overfitting, and no lookup."""
    new = marked(ROWS[:48], Asked([Reply(-1.0)] * 48, 9), is_right)
    found = judged(facts(answered(98), answered(0), fresh={"other numbers": new, "long numbers": new}))

    assert (
        "98 of 100 of these rows are right and 0 of 48 new questions: learnt by heart" in found["answer-lookup"].message
    )


def test_notes_stand_beside_a_verdict() -> None:
    """What is unusual is told, and decides nothing."""
    passing = judged(facts(answered(90), answered(0), notes=["answer is replaced"]))["answer-lookup"]
    failing = judged(facts(answered(90), answered(90), notes=["answer is replaced"]))["answer-lookup"]

    assert (passing.status, passing.message) == ("passed", "answer is replaced")
    assert "Noticed: answer is replaced." in failing.message


def test_card_has_every_round() -> None:
    """With intervals, numbers and passes."""
    some = answered(70)
    card = card_of(facts(some, some, by_kind={"other digits": some}, fresh={"other numbers": some},
                         fresh_disturbed=some, hard_disturbed=some))  # fmt: skip

    assert list(card.content) == [
        "as it is",
        "with other digits",
        "other numbers",
        "new, disturbed",
        "hardest, disturbed",
    ]
    assert card.lines[0] == "as it is                70 of 100 right (0.60-0.78), 100 numbers, 9 passes"
    assert not card_of(Facts()).lines
