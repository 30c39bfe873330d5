"""Whether a prompt was formatted twice: ``format_prompt(format_prompt(question))``, or a chat inside a chat.

Nobody has to say what the format is. What all prompts have in common at their end, or at their beginning, is the
format; when it consists of one piece twice in a row, it was put there twice. A chat template is asked what it puts
before and after a turn: a turn that opens or closes where another one does so holds a formatted prompt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIECE = re.compile(r"<[^<>\s]+>|\[/?\w+\]|\w+|[^\w\s]")
_TAG = re.compile(r"<[^<>\s]*[^\W\d][^<>\s]*>|\[/?[^\W\d]\w*\]")
# Single pieces that may stand in a row: a line break, or the place of something that is no text.
_PLACE = re.compile(
    r"\W*(?:w?br|hr|p|img|image|audio|video|mask|pad|unk|sep|blank|(?:extra_id|unused|reserved)_?\w*|0x[0-9a-f]{2}"
    r"|(?:image|audio|video|vision)_\w+)\W*",
    re.IGNORECASE,
)
MOST = 0.5  # of the prompts hold a chat within a chat


def formatted_twice(texts: Sequence[str], tokenizer: Any = None) -> str:  # noqa: ANN401 - transformers' tokenizers share no typed base
    """Say what stands in the prompts twice; empty where nothing does."""
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    if not distinct:
        return ""
    pieces = [_PIECE.findall(text) for text in distinct]
    # begin, end, padding and image tokens may well stand in a row
    special = set(getattr(tokenizer, "all_special_tokens", None) or ())
    for reverse in (True, False):
        sides = [found[::-1] if reverse else found for found in pieces]
        shared = _common(sides)
        for size in range(1, len(shared) // 2 + 1):
            unit = shared[:size]
            if unit == shared[size : 2 * size] and _is_format(unit, special, distinct):
                return " ".join(unit[::-1] if reverse else unit)
    nested = [found for text in distinct if (found := _chat_within(text, tokenizer))]
    return nested[0] if len(nested) > MOST * len(distinct) else ""


def _common(sides: Sequence[Sequence[str]]) -> list[str]:
    """Pieces that all share from the beginning on."""
    shared = []
    for column in zip(*sides, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return shared


def _is_format(unit: Sequence[str], special: set[str], texts: Sequence[str]) -> bool:
    """Whether a repeated unit is one: a tag, or, in several prompts, two pieces at least with a word among them."""
    if set(unit) <= special or "|" in unit:  # the bar parts the cells of a table
        return False
    has_word = any(piece[0].isalpha() for piece in unit)
    if tags := [piece for piece in unit if _TAG.fullmatch(piece)]:
        return has_word or any(_is_telling(tag, texts) for tag in tags)
    return len(texts) > 1 and len(unit) > 1 and has_word


def _is_telling(tag: str, texts: Sequence[str]) -> bool:
    """Whether a tag in a row was put there twice: no place of an image, and no element within its like."""
    if _PLACE.fullmatch(tag) or tag.startswith("</"):
        return False
    return tag[0] == "[" or any(text.count(tag) != text.count(f"</{tag[1:]}") for text in texts)


def _chat_within(text: str, tokenizer: Any) -> str:  # noqa: ANN401
    """The chat template's piece that stands where it cannot; empty without a template, or where all is well."""
    content = "\x00"
    chats = [[], [{"role": "system", "content": "\x01"}]]
    try:
        rendered = [
            tokenizer.apply_chat_template(
                [*chat, {"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
            )
            for chat in chats
        ]
        closed = tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False)
        heads, tail = [one.split(content)[0] for one in rendered], rendered[0].split(content)[1]
        end = closed.split(content)[1]
    except Exception:  # noqa: BLE001 - no template, or one that takes no system turn
        return ""
    start = "".join(_common(heads))
    opening = "".join(_common([head[::-1] for head in heads]))[::-1]
    if start.strip() and opening.strip() and opening + start in text:
        return opening + start
    return end + tail if end.strip() and text.endswith((end + tail, tail + tail)) else ""
