"""Drawing a completion again from its numbers: one forward pass behind the recorded tokens, one number a token.

Each token was drawn where its number fell in the cumulative distribution (``provenance.uniform``). Given the tokens
before it, the model says again which share of [0, 1) is each token's. The number must lie in the recorded one's, but
for rounding: another batch, dtype or device moves every logit a little, and with them the edges of the share. How far
the logits would have to be moved for the number to fall there is the *shift*; honest rows need a small one here and
there, invented text a large one soon.

Shapes: T new tokens, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .adapted import quietly
from .provenance import BITS, uniform
from .randomness import untouched_randomness, untouched_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from .provenance import Draw, Round

CLOSING = "</answer>"

# The largest shift [logits] of an honest token, by the wider dtype of recording and redrawing. Measured on the 135M
# with worked examples, 490 rows of 45 tokens at temperature 0.7 or 1.0, drawn in batches behind a shared prefix, drawn
# again one by one: bf16 needs 0.20 at most, also against fp32 and with other threads, fp32 none. Reasoning from the
# unit algebra, a patched answer, another question's reasoning, another seed need more than 0.5 in 96% of the rows.
# fp16 rounds eight times finer than bf16; TF32, which a GPU may use for fp32, as fp16 does.
MOST_SHIFT: Mapping[str, float] = {"float32": 0.05, "float16": 0.1, "bfloat16": 0.5}
ROUNDING = 1e-5  # of shares summed up in fp32 over a vocabulary of 49152; seen: less than 1e-6
SMALLEST = 2.0**-BITS  # of the numbers above 0


@dataclass(frozen=True)
class Redrawn:
    """One token, drawn again.

    Attributes:
        position: In the completion, from 0.
        recorded: The token that the record has.
        drawn: The token that is drawn here.
        number: That decides it, in [0, 1).
        low: Where the recorded token's share begins.
        high: Where it ends.
        shift: By how much logits must move, each at most so far, for the recorded token to be drawn.
    """

    position: int
    recorded: int
    drawn: int
    number: float
    low: float
    high: float
    shift: float


def redraw(model: Any, prompt: Sequence[int], draw: Draw, made: Round) -> list[Redrawn]:  # noqa: ANN401
    """Draw every token of a completion again, each behind the recorded ones before it.

    Args:
        model: Causal language model; its mode and all random states are left as they are.
        prompt: Tokens of the whole prompt.
        draw: The record of the row.
        made: Its round, for seed and temperature.

    Raises:
        ValueError: The model says nothing: its logits are NaN.
    """
    import torch  # noqa: PLC0415 - records are compared without it

    ids = torch.tensor([[*prompt, *draw.tokens[:-1]]], device=model.device)
    with quietly(model), untouched_randomness():
        logits = model(input_ids=ids).logits[0, len(prompt) - 1 :].double().cpu()
    if logits.isnan().any():
        raise ValueError("the model's logits are NaN")
    tokens = torch.tensor(draw.tokens)[:, None]
    if made.temperature == 0:
        gaps = (logits.amax(-1, keepdim=True) - logits.gather(1, tokens))[:, 0] / 2  # one falls, the other rises
        return [
            Redrawn(position, token, int(best), 0.0, 0.0, 1.0, float(gap))
            for position, (token, best, gap) in enumerate(zip(draw.tokens, logits.argmax(-1), gaps, strict=True))
        ]
    numbers = (uniform(made.seed, draw.prompt_sha256, draw.sample, at) for at in range(len(draw.tokens)))
    return [
        _redrawn(at, draw.tokens[at], number, logits[at] / made.temperature, made.temperature)
        for at, number in enumerate(numbers)
    ]


def _redrawn(position: int, token: int, number: float, scores: torch.Tensor, temperature: float) -> Redrawn:
    """One token from its number, by scores (V,) of which the softmax is taken."""
    reached = scores.softmax(-1).cumsum(-1)
    drawn = int((reached <= number * float(reached[-1])).sum().clamp(max=len(scores) - 1))
    low, high = (
        float(scores[:edge].logsumexp(-1) - scores[edge:].logsumexp(-1)) for edge in (token, token + 1)
    )  # log-odds, which keep their digits at any temperature
    shift = shift_needed(number, low, high) * temperature
    return Redrawn(position, token, drawn, number, _share(low), _share(high), shift)


def shift_needed(number: float, low: float, high: float) -> float:
    """By how much logits, divided by the temperature, must move that a share with these edges holds ``number``.

    Moving all tokens before an edge by s, and all behind it by -s, moves the log-odds of the edge by 2s; nothing that
    moves each logit by at most s moves it further.

    Args:
        number: In [0, 1).
        low: Log-odds of the share's lower edge.
        high: Of its upper edge.
    """
    if _share(low) - ROUNDING <= number <= _share(high) + ROUNDING:
        return 0.0
    sought = math.log(max(number, SMALLEST) / (1 - number))
    return (low - sought if sought < low else sought - high) / 2


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds > 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


def most_shift(*dtypes: str) -> float:
    """The bound for numbers that were computed in these dtypes; one that is not known counts as bf16."""
    return max(MOST_SHIFT.get(dtype, MOST_SHIFT["bfloat16"]) for dtype in dtypes)


def spelt(tokenizer: Any, tokens: Sequence[int]) -> str:  # noqa: ANN401 - transformers' tokenizers
    """The text of sampled tokens, to and with the closing tag, without special tokens."""
    with untouched_settings(tokenizer):
        text: str = tokenizer.decode(list(tokens), skip_special_tokens=True)
    before, tag, _ = text.partition(CLOSING)
    return before + tag


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:  # noqa: ANN401
    """A prompt's tokens, as they are sent."""
    with untouched_settings(tokenizer):
        return [int(token) for token in tokenizer(prompt)["input_ids"]]
