"""What is really sent: prompts as tokens, from text, or caught on their way into a live model.

check_prompts(llm.tokenizer, training_rows, read_sent_prompts(llm, questions))
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .answers import as_number

if TYPE_CHECKING:
    from collections.abc import Iterable


def token_ids(tokenizer: Any, prompt: Any) -> list[int]:  # noqa: ANN401
    """Tokens of a prompt that is text, as inference makes them, or tokens already."""
    return plain_ids(tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt)


def plain_ids(values: Any) -> list[int]:  # noqa: ANN401 - list, tensor or array, of one row
    """Turn ids of any type into a plain list.

    Raises:
        ValueError: Something else than whole numbers.
    """
    values = values.tolist() if hasattr(values, "tolist") else list(values)
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    for value in values:
        if not as_number(value).is_integer():
            raise ValueError(f"expected token ids, but got {value!r}")
    return [int(value) for value in values]


class _Seen(BaseException):  # not an Exception: code that answers NaN after any error must not swallow it
    """The model was about to read a prompt, which is all that is wanted."""


def read_sent_prompts(llm: Any, questions: Iterable[str]) -> list[list[int]]:  # noqa: ANN401 - whatever has model and answer
    """Ask each question and catch the tokens on their way into the model; nothing is computed, nothing changes.

    Whatever ``answer`` does to a question, formatting it twice included, has been done by then.

    Raises:
        ValueError: A question was answered without the model, or there is none to be seen.
    """
    sent: list[list[int]] = []

    def look(_: object, inputs: tuple[Any, ...]) -> None:
        sent.append(plain_ids(inputs[0]))
        raise _Seen

    try:
        handle = llm.model.get_input_embeddings().register_forward_pre_hook(look)
    except AttributeError as error:
        raise ValueError(
            f"Expected an object with .model and .answer, but got {type(llm).__name__}: {error}. Where: "
            "read_sent_prompts. What to do: pass the loaded model with its answer method, or the prompts themselves."
        ) from error
    try:
        for number, question in enumerate(questions):
            with contextlib.suppress(_Seen):
                llm.answer(question)
            if (found := len(sent) - number) != 1:
                raise ValueError(
                    f"Expected one forward pass for every question, but got {found}. Where: question {number}, "
                    f"{question!r}. What to do: ask `unsilent check honesty` where the answers come from."
                )
    finally:
        handle.remove()
    return sent
