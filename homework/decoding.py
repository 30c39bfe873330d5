"""Completing many prompts at once: finished rows leave the batch, and what all begin with is run once.

A prompt with worked examples is 250 tokens of which 20 are the question's own; ``shared_prefix.py`` has how they are
shared. Tokens are drawn by inverting the cumulative distribution, one uniform number for each token, so that a
completion can be drawn again from the same numbers in another batch. A model that cannot share is run on whole prompts,
with the cache of transformers. Both give what ``model.generate`` gives (``tests/unit/homework/test_decoding.py``).

Shapes: B prompts, N samples each, R = B*N rows; P tokens of prefix, T own tokens, V vocabulary; H key-value heads of
size D; Q query positions.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

import torch
from transformers import Cache, DynamicCache

from .completions import CLOSING_TAG, TAG_TOKENS
from .errors import OptionInvalid
from .shared_prefix import OwnLayer, room_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .shared_prefix import Prefix

    Draw = Callable[[int], float]  # position of a token in its completion -> a number in [0, 1)

KEPT_SHARE = 0.8  # rows are moved together once a fifth of them has finished; measured: 0.7 to 0.9 make no difference


def left_pad(sequences: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad token lists on the left.

    Returns:
        ``input_ids`` and ``attention_mask``, both (B, T) int64.
    """
    length = max(len(sequence) for sequence in sequences)
    ids = torch.tensor([[pad] * (length - len(sequence)) + list(sequence) for sequence in sequences])
    mask = torch.tensor([[0] * (length - len(sequence)) + [1] * len(sequence) for sequence in sequences])
    return ids, mask


def _not_decodable(got: str) -> OptionInvalid:
    return OptionInvalid(
        expected="a model that goes on from the keys and values of earlier tokens, one new token after another",
        got=got,
        where="decoding",
        action="name another base or adapter",
    )


def _check_adapters(model: Any) -> None:  # noqa: ANN401
    """Refuse adapters that would take every new token for the beginning of a prompt, without a word."""
    for name, adapter in getattr(model, "peft_config", {}).items():
        if adapter.is_prompt_learning or getattr(adapter, "alora_invocation_tokens", None):
            raise _not_decodable(f"adapter {name} of type {adapter.peft_type.value} that depends on the whole prompt")


def _optional(model: Any, **arguments: object) -> dict[str, object]:  # noqa: ANN401
    """Leave out what the forward of the base model does not take; that of a Llama takes all."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    taken = inspect.signature(base.forward).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    return {name: value for name, value in arguments.items() if takes_any or name in taken}


@contextlib.contextmanager
def _answering(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Neither gradients nor dropout; a model in the middle of its training is put back into it, part by part."""
    _check_adapters(model)
    in_training = [module for module in model.modules() if module.training]
    try:
        for module in in_training:
            module.training = False
        with torch.inference_mode():
            yield
    finally:
        for module in in_training:
            module.training = True


def run_prefix(model: Any, tokens: Sequence[int]) -> Prefix:  # noqa: ANN401
    """Run the common prefix once; returns (H, P, D) keys and values of each layer, and no layer for no tokens."""
    if not tokens:
        return []
    with _answering(model):
        ids = torch.tensor([list(tokens)], device=model.device)
        states = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
        return [(layer.keys[0].contiguous(), layer.values[0].contiguous()) for layer in states.layers]


def pick(logits: torch.Tensor, temperature: float, numbers: Sequence[float] | None) -> torch.Tensor:
    """Choose one token a row: the likeliest at temperature 0, else the one in whose share of [0, 1) the number lies.

    Args:
        logits: (R, V).
        temperature: Of the softmax.
        numbers: (R,) in [0, 1); None draws them from torch's random state.

    Returns:
        (R,) int64.

    Raises:
        OptionInvalid: Logits of which no token can be drawn.
    """
    best, likeliest = logits.max(-1, keepdim=True)
    if temperature == 0:
        return likeliest[:, 0]
    if not best.isfinite().all():
        raise OptionInvalid(
            expected="logits that are numbers, to draw tokens from",
            got=f"{int((~best.isfinite()).sum())} of {len(best)} rows with NaN or infinity",
            where=f"sampling at temperature {temperature:g}",
            action="look for the weights that are no numbers: python -m unsilent check adapter DIR",
        )
    reached = ((logits.float() - best.float()) / temperature).exp().cumsum(-1)
    drawn = torch.rand(len(logits)) if numbers is None else torch.tensor(numbers, dtype=torch.float64)
    total = reached[:, -1:].contiguous()
    token = torch.searchsorted(reached, drawn.to(reached)[:, None] * total, right=True)
    # A number just below 1 may be rounded to 1; behind the last token that has a share is none to choose.
    return torch.minimum(token, torch.searchsorted(reached, total))[:, 0]


def decode(  # noqa: PLR0913 - each is a choice of its own
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    token_lists: Sequence[Sequence[int]],
    *,
    prefix: Prefix | None,
    samples: int,
    max_new_tokens: int,
    temperature: float = 0.0,
    draws: Sequence[Draw] | None = None,
) -> list[list[int]]:
    """Complete prompts; with a ``prefix``, its P tokens are those with which all of them begin.

    Args:
        model: Bare or with adapters.
        tokenizer: Its tokenizer.
        token_lists: B whole prompts.
        prefix: What ``run_prefix`` returned; None runs whole prompts through the model's own attention.
        samples: N.
        max_new_tokens: Bound of a completion.
        temperature: 0 is greedy.
        draws: One function for each of the R rows; None draws from torch's random state.

    Returns:
        R lists of new tokens, prompt by prompt; each ends with end-of-text, with the token that closed the answer, or
        at the bound.

    Raises:
        OptionInvalid: A model that does not go on from the states of earlier tokens as this loop gives them.
    """
    shared = prefix[0][0].shape[1] if prefix else 0
    ids, seen = left_pad([tokens[shared:] for tokens in token_lists], tokenizer.pad_token_id)
    done: list[list[int]] = [[] for _ in range(len(ids) * samples)]
    is_closed = [False] * len(done)
    going = left = list(range(len(done)))  # the completion that each row of the batch belongs to
    new: list[int] = []
    with _answering(model):
        batch = _Batch(model, seen, prefix, shared, room_for(ids.shape[1] + max_new_tokens))
        logits = batch.run(ids)
        if samples > 1:
            rows = torch.arange(len(ids)).repeat_interleave(samples)
            batch.select(rows)
            logits = logits[rows.to(logits.device)]
        for position in range(max_new_tokens):
            if position:
                if len(left) < KEPT_SHARE * len(going):
                    batch.select(torch.tensor(left))
                    going, new = [going[index] for index in left], [new[index] for index in left]
                logits = batch.run(torch.tensor(new)[:, None])
            numbers = [0.0 if is_closed[row] else draws[row](position) for row in going] if draws else None
            picked = pick(logits, temperature, numbers).tolist()
            new = [
                tokenizer.pad_token_id if is_closed[row] else token for row, token in zip(going, picked, strict=True)
            ]
            waiting = [(row, token) for row, token in zip(going, new, strict=True) if not is_closed[row]]
            for row, token in waiting:
                done[row].append(token)
            ends = tokenizer.batch_decode([done[row][-TAG_TOKENS:] for row, _ in waiting])
            for (row, token), end in zip(waiting, ends, strict=True):
                is_closed[row] = CLOSING_TAG in end or token == tokenizer.eos_token_id
            left = [index for index, row in enumerate(going) if not is_closed[row]]
            if not left:
                break
    return done


class _Batch:
    """The rows that are being completed: positions, what each may attend to, and their states."""

    def __init__(self, model: Any, seen: torch.Tensor, prefix: Prefix | None, shared: int, room: int) -> None:  # noqa: ANN401
        self.model = model
        self.seen = seen  # (R, T) 0 where a column is padding
        self.prefix = prefix
        self.first = shared - (seen == 0).sum(1)  # (R,) position of the first column, pads included
        self.shared = shared
        self.own = 0  # columns that were run
        layers = [OwnLayer(room, shared) for _ in range(model.config.num_hidden_layers)] if prefix is not None else None
        self.states = Cache(layers=layers) if layers else DynamicCache(config=model.config)

    def run(self, ids: torch.Tensor) -> torch.Tensor:
        """Run (R, Q) new tokens; returns the logits (R, V) behind the last one."""
        columns = torch.arange(self.own, self.own + ids.shape[1])
        self.own += ids.shape[1]
        self.seen = torch.nn.functional.pad(self.seen, (0, self.own - self.seen.shape[1]), value=1)
        positions = (self.first[:, None] + columns).clamp(min=0)
        device = self.model.device
        out = self.model(
            input_ids=ids.to(device),
            attention_mask=self._mask(columns).to(device),
            past_key_values=self.states,
            use_cache=True,
            **_optional(self.model, position_ids=positions.to(device), logits_to_keep=1),
            **({} if self.prefix is None else {"prefix": self.prefix}),
        )
        if (held := self.states.get_seq_length()) != self.shared + self.own:
            raise _not_decodable(f"{type(self.model).__name__}, which holds {held} tokens of {self.shared + self.own}")
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def _mask(self, columns: torch.Tensor) -> torch.Tensor:
        """What a query may attend to, as transformers takes it; or what it may not, as ``attend`` does."""
        if self.prefix is None:
            return self.seen
        visible = (self.seen[:, None, :] > 0) & (torch.arange(self.own) <= columns[:, None])
        return ~visible[:, None]

    def select(self, rows: torch.Tensor) -> None:
        """Keep these rows; a row may come several times."""
        self.first, self.seen = self.first[rows], self.seen[rows]
        self.states.batch_select_indices(rows.to(self.model.device))
