"""What is really sent: prompts as tokens, from text, or caught on their way into a live model.

check_prompts(llm.tokenizer, training_rows, read_sent_prompts(llm, questions))
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .answers import as_number
from .begin_tokens import special_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


DOUBLE = 2  # begin tokens at the head of a text, at most: more of them are padding


def listed(rows: Any) -> list[Any]:  # noqa: ANN401 - texts, tokens, or what a tokenizer made of several
    """Rows or prompts one by one: a single text is one, and a batch of tokens is as many as it holds."""
    if isinstance(rows, str):
        return [rows]
    if not isinstance(rows, Mapping):
        return list(rows)
    ids = rows["input_ids"]
    if not len(ids) or not hasattr(ids[0], "__len__"):
        return [rows]
    return [{name: values[place] for name, values in rows.items() if values is not None} for place in range(len(ids))]


def token_rows(tokenizer: Any, prompts: Sequence[Any]) -> list[list[int]]:  # noqa: ANN401
    """Tokens of prompts that are text, as inference makes them, or tokens already, without the padding on their left.

    Without a mask, what stands at the head is padding where it is a padding token. Where that begins a text, too, more
    than two of it are padding, and so are unequal numbers of it in prompts of one length; one may then be the text's.
    """
    rows = [_token_ids(tokenizer, prompt) for prompt in prompts]
    bare = [place for place, prompt in enumerate(prompts)
            if not isinstance(prompt, str) and not has_mask(prompt)]  # fmt: skip
    pad = getattr(tokenizer, "pad_token_id", None)
    ahead = {place: run_of(pad, rows[place]) for place in bare}
    kept = 0
    if bare and pad in special_ids(None, tokenizer, "bos_token_id"):
        fewest, most, lengths = min(ahead.values()), max(ahead.values()), {len(rows[place]) for place in bare}
        if most <= DOUBLE and (fewest == most or len(lengths) > 1):
            return rows
        kept = fewest if fewest < DOUBLE else run_of(pad, plain_ids(tokenizer("a")["input_ids"]))
    for place in bare:
        rows[place] = rows[place][max(0, ahead[place] - kept) :]
    return rows


def run_of(pad: int | None, ids: Sequence[int]) -> int:
    """How many padding tokens stand at the head; none where there is nothing else."""
    return next((place for place, one in enumerate(ids) if one != pad), 0)


def has_mask(row: Any) -> bool:  # noqa: ANN401
    """Whether a row says which of its tokens are padding."""
    return isinstance(row, Mapping) and row.get("attention_mask") is not None


def own_part(mask: Sequence[object]) -> slice:
    """From the first token that is no padding to the last: a mask made by ``ids != pad`` may have holes between."""
    own = [place for place, is_own in enumerate(mask) if is_own] or [0]
    return slice(own[0], own[-1] + 1)


def _token_ids(tokenizer: Any, prompt: Any) -> list[int]:  # noqa: ANN401
    if not isinstance(prompt, Mapping):
        return plain_ids(tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt)
    ids = plain_ids(prompt["input_ids"])
    return ids[own_part(plain_ids(prompt["attention_mask"]))] if has_mask(prompt) else ids


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

    def look(_: object, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        sent.append(plain_ids([*inputs, *named.values()][0]))
        raise _Seen

    try:
        handle = llm.model.get_input_embeddings().register_forward_pre_hook(look, with_kwargs=True)
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
                    f"Expected one forward pass for every question, but got {found} at the model's input embeddings. "
                    f"Where: question {number}, {question!r}. What to do: pass the prompts themselves. No pass is seen "
                    "where .answer takes a list, raises before, sends several prompts or embeddings at once, asks "
                    "another model than .model, or, with an encoder and a decoder, embeds by other modules."
                )
    finally:
        handle.remove()
    return sent
