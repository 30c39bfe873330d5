"""Programs are asked as they are, and whatever they answer becomes a number or none."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import support
import torch

from homework.base_llm import BaseLLM
from unsilent.answers import is_right
from unsilent.asking import Asked, ProgramFailed, Reply, Round, ask, ask_each, marked, model_of, usable_rows


class Program:
    """Gives what it is told to."""

    def __init__(self, *answers: Any) -> None:  # noqa: ANN401 - whatever programs give
        self.answers = answers

    def answer(self, *questions: str) -> list[Any]:
        """Give as many as there are questions, as far as there are so many."""
        return list(self.answers[: len(questions)])


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (3, 3.0),
        (np.float32(0.5), 0.5),
        (torch.tensor(2.0), 2.0),
        (None, math.nan),
        ("7", 7.0),
        ("?", math.nan),
        (10**400, math.inf),
    ],
    ids=["int", "numpy", "torch", "none", "a number as text", "text", "huge"],
)
def test_answers_become_numbers(answer: object, number: float) -> None:
    """A text may be one; what is not becomes NaN."""
    (reply,), passes, _ = ask(Program(answer), None, ["?"])

    assert (repr(reply.answer), passes) == (repr(number), 0)


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        (Program(1.0), "gave 1 answers to 2 questions"),
        (Program(1.0, [2]), "answer\\(\\) raised TypeError"),
        (SimpleNamespace(answer=lambda *_: 1 / 0), "answer\\(\\) raised ZeroDivisionError: division by zero"),
    ],
    ids=["too few", "a list", "raises"],
)
def test_programs_that_fail_are_said(program: Any, complaint: str) -> None:  # noqa: ANN401
    """With what went wrong."""
    with pytest.raises(ProgramFailed, match=complaint):
        ask(program, None, ["?", "!"])


def test_one_by_one_what_raises_has_no_answer() -> None:
    """The others have theirs."""

    def answer(question: str) -> list[float]:
        return [1 / len(question)]

    replies, *_ = ask_each(SimpleNamespace(answer=answer), None, ["", "ab"])

    assert math.isnan(replies[0].answer)
    assert replies[1].answer == 0.5


def test_model_is_watched(tiny_base: Path) -> None:
    """Each reply comes with what the model wrote, and with the number of passes."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    llm.max_new_tokens = 5
    replies, passes, blind = asked = ask(llm, llm.model, ["How many?", "And now?"])

    assert [len(reply.spoken) for reply in replies] == [1, 1]
    assert marked([("a", 1.0), ("b", 1.0)], asked, is_right).longest == 5
    assert (passes, blind) == (5, "")


def test_rounds_count_and_add() -> None:
    """Right ones, numbers, and both rounds one after the other."""
    one = marked([("a", 1.0), ("b", 2.0)], Asked([Reply(1.0), Reply(math.nan)], 3), is_right)
    both = one + one

    assert (one.right, one.answered, one.longest) == (1, 1, 0)
    assert (both.right, len(both.rows), both.passes) == (2, 4, 6)
    assert Round().right == 0


def test_model_is_found_where_it_is() -> None:
    """Under its name, as the program itself, in an attribute, in an attribute of one; the largest of several."""
    small, large = torch.nn.Linear(1, 1), torch.nn.Linear(3, 3)

    assert model_of(SimpleNamespace(model=small, other=large)) is small
    assert model_of(large) is large
    assert model_of(SimpleNamespace(pipe=SimpleNamespace(model=large), head=small)) is large
    assert model_of(support.CannedLLM([1.0])) is None
    assert model_of(3) is None


def test_rows_that_are_none_are_left_out() -> None:
    """Each text once, with a finite number."""
    dataset: list[Any] = [["a", 1], ["a", 2], ["", 3], ["b", "x"], ["c", math.inf], [], [4, 4], ["d", "5"], None]

    assert usable_rows(dataset) == [("a", 1.0), ("d", 5.0)]


def test_data_set_without_rows_is_refused() -> None:
    """With what a row looks like."""
    with pytest.raises(ValueError, match="Expected rows of a question and a finite number, but got none among 1"):
        usable_rows([["", 1]])


def test_tokenizer_that_cannot_decode_leaves_the_answers(tiny_base: Path) -> None:
    """Nobody knows what was said, and that is said."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    honest, llm.max_new_tokens = llm.tokenizer, 3
    program = SimpleNamespace(tokenizer=object(), model=llm.model, answer=llm.answer)
    replies, passes, blind = ask(program, llm.model, ["How many?"])

    assert llm.tokenizer is honest
    assert (replies[0].spoken, passes > 0) == ((), True)
    assert blind.startswith("the tokenizer cannot turn tokens into text")
