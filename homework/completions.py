"""What a completion says: where it ends, and which number it holds.

Everything that decides whether a text is an answer stands here, so that the answer rate has one definition.
"""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from transformers import StoppingCriteria

CLOSING_TAG = "</answer>"
OPENING_TAG = "<answer>"

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_TAG_TOKENS = len(CLOSING_TAG) + 1  # a byte tokenizer spells it letter by letter


def parse_answer(text: str) -> float:
    """Read the number out of a completion.

    The number stands between the tags; the opening tag may have been part of the prompt, the closing one may have been
    cut off. A unit behind the number is allowed, a second number is not: ``2 * 3 = 6`` is no answer.

    Returns:
        The number, or NaN where there is none: never 0.0, which would count as an answer.
    """
    inside = text.split(CLOSING_TAG, 1)[0].rsplit(OPENING_TAG, 1)[-1].strip()
    found = _NUMBER.match(inside)
    if not found or any(character.isdecimal() for character in _without_exponents(inside[found.end() :])):
        return math.nan
    value = float(found.group().replace(",", ""))
    return value if math.isfinite(value) else math.nan


def _without_exponents(unit: str) -> str:
    """Drop the digits that belong to a unit, as in ``cm^3``, ``m**3`` and ``m3``."""
    return re.sub(r"(?<=[A-Za-z])(?:\^|\*\*)?[23]\b", "", unit)


def cut_at_tag(text: str) -> str:
    """End the text at its closing tag, whatever shared a token with it."""
    before, tag, _ = text.partition(CLOSING_TAG)
    return before + tag


class AnswerClosed(StoppingCriteria):  # type: ignore[misc] # transformers' base class is untyped
    """A row is finished once its own text holds the closing tag."""

    def __init__(self, tokenizer: Any, prompt_length: int) -> None:  # noqa: ANN401 - transformers' tokenizers
        self.tokenizer = tokenizer
        self.prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        """Judge ``input_ids`` (B*N, T); returns (B*N,) bool."""
        del scores, kwargs
        tail = input_ids[:, max(self.prompt_length, input_ids.shape[1] - _TAG_TOKENS) :]
        closed = [CLOSING_TAG in text for text in self.tokenizer.batch_decode(tail)]
        return torch.tensor(closed, device=input_ids.device)
