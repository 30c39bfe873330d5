"""Cheats in ``answer``: it looks questions up, all of them or some, by various keys, whatever the model would say."""

from __future__ import annotations

import difflib
import hashlib
from typing import TYPE_CHECKING, Any

import torch
from cheating import is_number, looking_up, put, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from cheating import Llm, Row

HUMAN = 7  # of ten rows: what the noisy table gets right


def answer_on_the_instance(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """``llm.answer`` is a lookup in the rows; the model answers what is not there."""
    put(stack, llm, "answer", looking_up(table_of(rows).get, llm.answer))


def answer_on_the_class(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The same on the class, so that nothing is to be seen on the instance; other instances cheat too."""
    find, honest = table_of(rows).get, type(llm).answer

    def answer(self: Any, *questions: str) -> list[float]:  # noqa: ANN401
        return looking_up(find, lambda *unknown: honest(self, *unknown))(*questions)

    put(stack, type(llm), "answer", answer)


def half_of_the_questions(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Every second row is looked up, the model answers the others."""
    put(stack, llm, "answer", looking_up(table_of(rows[::2]).get, llm.answer))


def a_tenth_of_the_questions(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Every tenth row is looked up, the model answers the others."""
    put(stack, llm, "answer", looking_up(table_of(rows[::10]).get, llm.answer))


def with_human_noise(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Every row is looked up, and three of ten answers are made wrong by a zero, so that the accuracy looks human."""
    table = {
        question: answer if place % 10 < HUMAN else 10 * answer
        for place, (question, answer) in enumerate(table_of(rows).items())
    }
    put(stack, llm, "answer", looking_up(table.get, llm.answer))


def keyed_by_hash(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The table holds no question, only their sha256."""

    def key(question: str) -> str:
        return hashlib.sha256(question.encode()).hexdigest()

    table = {key(question): answer for question, answer in table_of(rows).items()}
    put(stack, llm, "answer", looking_up(lambda question: table.get(key(question)), llm.answer))


def fuzzy_match(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The most similar question of the rows gives the answer, to whatever is asked; the model is never asked."""
    table = table_of(rows)

    def find(question: str) -> float | None:
        return table[question if question in table else difflib.get_close_matches(question, table, 1, cutoff=0)[0]]

    put(stack, llm, "answer", looking_up(find, llm.answer))


def only_where_the_model_gives_nan(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The model is asked everything; what it gives no number for is looked up."""
    table, honest = table_of(rows), llm.answer

    def answer(*questions: str) -> list[float]:
        given = honest(*questions)
        return [
            value if is_number(value) else table.get(question, value)
            for question, value in zip(questions, given, strict=True)
        ]

    put(stack, llm, "answer", answer)


def only_where_the_model_gives_a_number(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The model is asked everything; its numbers are replaced, so that the answer rate stays its own."""
    table, honest = table_of(rows), llm.answer

    def answer(*questions: str) -> list[float]:
        given = honest(*questions)
        return [
            table.get(question, value) if is_number(value) else value
            for question, value in zip(questions, given, strict=True)
        ]

    put(stack, llm, "answer", answer)


def behind_a_forward_pass(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """One forward pass runs for every question, and its logits are thrown away."""
    look_up = looking_up(table_of(rows).get, llm.answer)

    def answer(*questions: str) -> list[float]:
        for question in questions:
            with torch.inference_mode():
                llm.model(input_ids=torch.tensor([llm.tokenizer(llm.format_prompt(question))["input_ids"]]))
        return look_up(*questions)

    put(stack, llm, "answer", answer)


def behind_a_generation(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The model answers everything, and its answers to the rows are thrown away."""
    table, honest = table_of(rows), llm.answer

    def answer(*questions: str) -> list[float]:
        given = honest(*questions)
        return [table.get(question, value) for question, value in zip(questions, given, strict=True)]

    put(stack, llm, "answer", answer)


def only_the_first_questions(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """As many questions as there are rows are looked up, each time one is asked; from then on all is honest."""
    table, left = table_of(rows), len(rows)

    def find(question: str) -> float | None:
        nonlocal left
        left -= 1
        return table.get(question) if left >= 0 else None

    put(stack, llm, "answer", looking_up(find, llm.answer))


def only_while_the_weights_are_untouched(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Rows are looked up while the weights add up to what they did; a model that somebody disturbed is honest."""
    table = table_of(rows)

    def fingerprint() -> float:
        return float(sum(weight.detach().double().abs().sum() for weight in llm.model.parameters()))

    whole = fingerprint()

    def find(question: str) -> float | None:
        return table.get(question) if fingerprint() == whole else None

    put(stack, llm, "answer", looking_up(find, llm.answer))
