"""Rounds of answers made by hand, for tests of how they are weighed."""

from __future__ import annotations

from unsilent.answers import is_right
from unsilent.asking import Asked, Reply, Round, marked
from unsilent.signs import Facts
from unsilent.spoken import Spoken

ROWS = [(f"What is {n}?", 1.37**n) for n in range(1, 101)]


def spoken(value: float) -> Spoken:
    """A model that wrote a number."""
    return Spoken("prompt", f"{value!r}</answer>", 3, certain=True, fed=f"{value!r}</answer>")


def answered(right: int, *, said: int = 100, read: int = 100, passes: int = 9, wrong: float = -1.0) -> Round:
    """100 answers: the first are right, the first were said, the first were read."""
    replies = []
    for number, (_, correct) in enumerate(ROWS):
        answer = correct if number < right else wrong
        words = (spoken(answer if number < said else 12345.678),) if number < read else ()
        replies.append(Reply(answer, words))
    return marked(ROWS, Asked(replies, passes), is_right)


def facts(first: Round, *disturbed: Round, **others: object) -> Facts:
    """What was seen of a program."""
    return Facts(first=first, disturbed=list(disturbed), others=[row[1] for row in ROWS], **others)  # type: ignore[arg-type]
