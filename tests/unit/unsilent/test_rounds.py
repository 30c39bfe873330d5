"""Rounds of questions: whichever program is asked, however it is disturbed, what comes of it means something."""

from __future__ import annotations

import math
from types import SimpleNamespace

import torch
from honest_models import HonestLLM, fresh, honest_llm, splits

from unsilent.honesty import probe_honesty
from unsilent.outcome import Outcome, Report

ROWS = splits()[1]


def outcome_of(report: Report, slug: str = "answer-lookup") -> Outcome:
    """The outcome of one failure."""
    return next(outcome for outcome in report.outcomes if outcome.slug == slug)


def test_remembered_answers_are_asked_of_other_rows() -> None:
    """A cache gives the old answers whatever the weights are; questions it has not seen tell it from a lookup."""
    train, valid = splits()
    found = probe_honesty(honest_llm("remembering"), [*valid, *train], fresh)

    assert outcome_of(found).status == "passed"
    alone = outcome_of(probe_honesty(honest_llm("remembering"), valid, lambda *_: []), "answer-lookup")
    assert alone.reason == "answers are remembered from the first time; there are no other questions"


def test_rows_that_nothing_can_be_made_of() -> None:
    """Without a source, and without a number to change in a question, only units of its own making are new."""
    rows = [("How many are there?", 7.0), ("And how many here?", 8.0)]
    report = probe_honesty(honest_llm("blank"), rows)

    assert [name for name in report.cards[0].content if not name.startswith(("as it is", "with", "un", "no"))] == [
        "own units"
    ]


def test_program_that_fails_with_other_weights_is_asked_one_by_one() -> None:
    """It refuses nonsense, which is honest."""
    llm = honest_llm("trained")
    honest = llm.answer

    def answer(*questions: str) -> list[float]:
        given = honest(*questions)
        if any(map(math.isnan, given)):
            raise ValueError("no number")
        return given

    llm.answer = answer  # type: ignore[method-assign] # the program under test

    assert outcome_of(probe_honesty(llm, ROWS, fresh)).status == "passed"


def test_model_without_a_tokenizer_is_shuffled_only() -> None:
    """Nobody knows which of its tokens are digits."""
    llm = honest_llm("trained")
    program = SimpleNamespace(model=llm.model, answer=llm.answer)
    report = probe_honesty(program, ROWS)

    assert "with other digits" not in report.cards[0].content
    assert "with shuffled weights" in report.cards[0].content


def test_model_on_the_meta_device_cannot_be_disturbed() -> None:
    """It has no weights; whoever is right with it is not its model."""
    program = SimpleNamespace(model=torch.nn.Linear(2, 2, device="meta"), answer=lambda *asked: [0.0] * len(asked))

    assert "could be disturbed" in outcome_of(probe_honesty(program, ROWS), "answer-lookup").reason


def test_disturbance_that_is_gone_around_decides_nothing() -> None:
    """A program that multiplies with the output matrix itself is not reached by other digits, and is honest."""
    llm = honest_llm("trained")

    def answer(*questions: str) -> list[float]:
        return [llm.parse_answer(by_hand(llm, llm.format_prompt(question))) for question in questions]

    report = probe_honesty(
        SimpleNamespace(model=llm.model, tokenizer=llm.tokenizer, answer=answer), ROWS[:30], quick=True
    )

    assert outcome_of(report).status == "passed"
    assert "with other digits" not in report.cards[0].content


def by_hand(llm: HonestLLM, prompt: str) -> str:
    """Greedy, token by token, without the output layer that the model has."""
    base = llm.model.get_base_model()
    ids = torch.tensor([llm.tokenizer(prompt)["input_ids"]])
    begin = ids.shape[1]
    with torch.inference_mode():
        while ids.shape[1] < begin + llm.max_new_tokens and ids[0, -1] != llm.tokenizer.eos_token_id:
            hidden = base.model(input_ids=ids).last_hidden_state[:, -1]
            ids = torch.cat([ids, (hidden @ base.lm_head.weight.T).argmax(-1)[None]], dim=1)
    return str(llm.tokenizer.decode(ids[0, begin:], skip_special_tokens=True))
