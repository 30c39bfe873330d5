"""When `model.generate` is to stop: where our own decoding does, so that both write the same tokens."""

from __future__ import annotations

from typing import Any

import torch
from transformers import StoppingCriteria

from homework.completions import CLOSING_TAG, TAG_TOKENS


class AnswerClosed(StoppingCriteria):  # type: ignore[misc] # transformers' base class is untyped
    """A row is finished once its own text holds the closing tag."""

    def __init__(self, tokenizer: Any, prompt_length: int) -> None:  # noqa: ANN401 - transformers' tokenizers
        """Know where the prompts end; 0 where they hold no tag."""
        self.tokenizer = tokenizer
        self.prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        """Judge (R, T); returns (R,)."""
        tail = input_ids[:, max(self.prompt_length, input_ids.shape[1] - TAG_TOKENS) :]
        closed = [CLOSING_TAG in text for text in self.tokenizer.batch_decode(tail)]
        return torch.tensor(closed, device=input_ids.device)
