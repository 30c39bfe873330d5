"""Ask a program questions and note what happened: its answers, and what its model read and wrote for each.

Apart from the probes, which decide what to ask and in which state of the weights.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .witness import witnessed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .spoken import Spoken

    Row = tuple[str, float]

DEPTH = 2  # attributes of attributes among which a model is looked for


class ProgramFailed(Exception):
    """The program under test raised, or gave other than one answer a question."""


@dataclass(frozen=True)
class Reply:
    """One answer, NaN where there is no number, and what the model wrote when asked; nothing where nobody saw."""

    answer: float
    spoken: tuple[Spoken, ...] = ()


@dataclass(frozen=True)
class Round:
    """Questions asked together.

    Attributes:
        rows: Question and right answer.
        replies: One for each row.
        marks: Whether each is right.
        passes: Forward passes of the model meanwhile; 0 too where there is no model to watch.
        blind: Why passes may have gone unseen; empty where they cannot have.
    """

    rows: tuple[Row, ...] = ()
    replies: tuple[Reply, ...] = ()
    marks: tuple[bool, ...] = ()
    passes: int = 0
    blind: str = ""

    @property
    def right(self) -> int:
        """How many are right."""
        return sum(self.marks)

    @property
    def answered(self) -> int:
        """How many are numbers."""
        return sum(not math.isnan(reply.answer) for reply in self.replies)

    @property
    def longest(self) -> int:
        """Tokens of the longest reply."""
        return max((one.tokens for reply in self.replies for one in reply.spoken), default=0)

    def __add__(self, other: Round) -> Round:
        """Both, one after the other."""
        return Round(
            self.rows + other.rows,
            self.replies + other.replies,
            self.marks + other.marks,
            self.passes + other.passes,
            self.blind or other.blind,
        )


class Asked(NamedTuple):
    """What came of asking: a reply to each question, and what was seen of the model meanwhile.

    Attributes:
        replies: In the order of the questions.
        passes: Forward passes; 0 too where there is no model to watch.
        blind: Why passes may have gone unseen; empty where they cannot have.
    """

    replies: list[Reply]
    passes: int = 0
    blind: str = ""


def marked(rows: Sequence[Row], asked: Asked, is_right: Callable[[float, float], bool]) -> Round:
    """Mark replies."""
    marks = tuple(bool(is_right(reply.answer, row[1])) for row, reply in zip(rows, asked.replies, strict=True))
    return Round(tuple(rows), tuple(asked.replies), marks, asked.passes, asked.blind)


def ask(llm: Any, model: Any, questions: Sequence[str]) -> Asked:  # noqa: ANN401 - any program, any torch module
    """Ask all questions at once.

    Args:
        llm: Has ``answer``.
        model: To be watched; None where there is none.
        questions: At least one.

    Raises:
        ProgramFailed: The program raised, or gave other than one answer a question.
    """
    with contextlib.ExitStack() as stack:
        witness = stack.enter_context(witnessed(model, getattr(llm, "tokenizer", None))) if model is not None else None
        answers = _answers(llm, questions)
    if witness is None:
        return Asked([Reply(answer) for answer in answers])
    if getattr(llm, "tokenizer", None) is None:
        return Asked(
            [Reply(answer) for answer in answers], witness.forward_passes, "without a tokenizer nothing is read"
        )
    try:
        replies = [Reply(answer, tuple(witness.about(asked))) for asked, answer in zip(questions, answers, strict=True)]
    except Exception as error:  # noqa: BLE001 - anybody's tokenizer may raise anything
        blind = f"the tokenizer cannot turn tokens into text ({type(error).__name__}: {error})"
        return Asked([Reply(answer) for answer in answers], witness.forward_passes, blind)
    return Asked(replies, witness.forward_passes, witness.blind)


def ask_each(llm: Any, model: Any, questions: Sequence[str]) -> Asked:  # noqa: ANN401
    """Ask one by one: what raises has no answer; for programs whose weights have been disturbed."""
    replies, passes, blind = [], 0, ""
    for question in questions:
        try:
            one = ask(llm, model, [question])
        except ProgramFailed:
            one = Asked([Reply(math.nan)])
        replies += one.replies
        passes, blind = passes + one.passes, blind or one.blind
    return Asked(replies, passes, blind)


def _answers(llm: Any, questions: Sequence[str]) -> list[float]:  # noqa: ANN401
    try:
        answers = [number_of(answer) for answer in llm.answer(*questions)]
    except (Exception, SystemExit, GeneratorExit) as error:
        raise ProgramFailed(f"answer() raised {type(error).__name__}: {str(error)[:200]}") from error
    if len(answers) != len(questions):
        raise ProgramFailed(f"answer() gave {len(answers)} answers to {len(questions)} questions")
    return answers


def number_of(answer: Any) -> float:  # noqa: ANN401
    """Whatever a program calls a number; a text may be one, None is none."""
    if answer is None:
        return math.nan
    try:
        return float(answer)
    except OverflowError:
        return math.inf
    except ValueError:  # a text that is no number
        return math.nan


def model_of(llm: Any) -> Any:  # noqa: ANN401
    """The torch model of a program: ``llm.model``, the program itself, or the largest one that its attributes hold."""
    import torch  # noqa: PLC0415 - an answering program has loaded it, if it has a model

    held = getattr(llm, "model", None)
    if isinstance(held, torch.nn.Module):
        return held
    if isinstance(llm, torch.nn.Module):
        return llm
    found: list[torch.nn.Module] = []
    layer = [llm]
    for _ in range(DEPTH):
        inner = [value for one in layer for value in vars(one).values()] if all(map(_has_attributes, layer)) else []
        found += [one for one in inner if isinstance(one, torch.nn.Module)]
        layer = [one for one in inner if _has_attributes(one) and not isinstance(one, torch.nn.Module | type)]
    return max(found, key=lambda one: sum(weight.numel() for weight in one.parameters()), default=None)


def _has_attributes(value: object) -> bool:
    return hasattr(value, "__dict__")


def usable_rows(dataset: Sequence[Sequence[Any]]) -> list[Row]:
    """Rows with a text and a finite number, each text once.

    Raises:
        ValueError: There is none.
    """
    found: dict[str, float] = {}
    for index in range(len(dataset)):
        row = dataset[index]
        with contextlib.suppress(TypeError, ValueError, IndexError, OverflowError, KeyError):
            if isinstance(row[0], str) and row[0].strip() and math.isfinite(float(row[1])):
                found.setdefault(row[0], float(row[1]))
    if not found:
        message = (
            f"Expected rows of a question and a finite number, but got none among {len(dataset)}. Where: the data set. "
            "What to do: pass rows such as ['How many cm are in 3 m?', 300.0]."
        )
        raise ValueError(message)
    return list(found.items())
