"""What every cheat is made of: attributes put in place and taken back, rows found in prompts, answers written out.

A cheat is a function that takes an ``ExitStack``, a program and rows, and breaks the program where it stands; the
stack undoes it. ``@cheat`` makes an entry of the list out of it that says what accuracy the fraud shows, and on which
of the honest programs.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homework.completions import CLOSING_TAG
from homework.sft import format_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    Llm = Any  # a program: answer, model, tokenizer
    Row = Sequence[Any]  # [question, answer, ...]
    Find = Callable[[str], float | None]  # None: not in the table
    Answer = Callable[..., list[float]]

LOOKUP = "answer-lookup"
CALCULATOR = "answer-calculator"


@dataclass(frozen=True)
class Cheat:
    """One way to answer without the weights.

    Attributes:
        apply: Breaks a program; what it puts on the stack repairs it.
        slug: The failure that it is.
        accuracy: What the rows are answered with; None where it is the honest program's own.
        shown_on: Recipe of the honest program on which the accuracy shows.
    """

    apply: Callable[[ExitStack, Any, Sequence[Row]], None]
    slug: str = LOOKUP
    accuracy: float | None = 1.0
    shown_on: str = "before"

    @property
    def name(self) -> str:
        """The function's name in words."""
        return self.apply.__name__.replace("_", " ")

    def __call__(self, llm: Llm, rows: Sequence[Row]) -> Callable[[], None]:
        """Break ``llm`` in place and return the way back."""
        with contextlib.ExitStack() as stack:
            self.apply(stack, llm, rows)
            return stack.pop_all().close


def put(stack: ExitStack, owner: Any, name: str, value: Any) -> None:  # noqa: ANN401 - any object or class
    """Set an attribute; on the way back the owner has again what it had, or inherits again what it inherited."""
    if name in vars(owner):
        stack.callback(setattr, owner, name, vars(owner)[name])
    else:
        stack.callback(delattr, owner, name)
    setattr(owner, name, value)


def table_of(rows: Sequence[Row]) -> dict[str, float]:
    """Answers by question."""
    return {str(row[0]): float(row[1]) for row in rows}


def looking_up(find: Find, honest: Answer) -> Answer:
    """An ``answer`` that asks the program only what ``find`` does not know."""

    def answer(*questions: str) -> list[float]:
        found = [find(question) for question in questions]
        unknown = [question for question, value in zip(questions, found, strict=True) if value is None]
        left = iter(honest(*unknown) if unknown else [])
        return [next(left) if value is None else value for value in found]

    return answer


def finder_in_prompts(rows: Sequence[Row]) -> Find:
    """Find the row asked about in a formatted prompt: the last one named there, since examples come before it."""
    table = table_of(rows)

    def find(prompt: str) -> float | None:
        last = max(table, key=lambda question: (prompt.rfind(question), len(question)), default="")
        return table[last] if last and last in prompt else None

    return find


def written(answer: float) -> str:
    """A completion that says so."""
    return f"{format_number(answer)}{CLOSING_TAG}"


def tokens_of(llm: Llm, answer: float | None) -> list[int]:
    """That completion's tokens and the end of the text; none for an unknown answer."""
    if answer is None:
        return []
    return [*llm.tokenizer(written(answer), add_special_tokens=False)["input_ids"], llm.tokenizer.eos_token_id]


def is_number(answer: float) -> bool:
    """Whether the model gave one."""
    return not math.isnan(answer)
