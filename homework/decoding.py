"""Completing many prompts that begin alike: the common beginning is run once, finished rows leave the batch.

A prompt with worked examples is 250 tokens of which 20 are the question's own. The keys and values of the common
prefix are computed for one row and read by every row and every sample; what a row adds is kept in a buffer that is
written in place. Tokens are drawn by inverting the cumulative distribution, one uniform number for each token, so
that a completion can be drawn again from the same numbers in another batch.

The sharing is written for the Llama architecture, which is that of every base this project uses; any other model is
run on whole prompts, with the cache of transformers. Both give what ``model.generate`` gives
(``tests/unit/homework/test_decoding.py``). Which of two attentions a layer computes is decided by each call: nothing
about the model is switched over, so that two threads may ask one model.

Shapes: B prompts, N samples each, R = B*N rows; P tokens of prefix, T own tokens, V vocabulary; H key-value heads with
G query heads each of size D; Q query positions.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, Cache, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.masking_utils import eager_mask, sdpa_mask
from transformers.models.llama.modeling_llama import eager_attention_forward

from .completions import CLOSING_TAG, TAG_TOKENS
from .errors import OptionInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Draw = Callable[[int], float]  # position of a token in its completion -> a number in [0, 1)

ARCHITECTURES = ("llama",)
BY_LENGTH = ("dynamic", "longrope")  # rotary frequencies that depend on the longest row: a prefix alone gets others
OWN_TOKENS = 2
ROUNDED = 32  # tokens; measured on 160 prompts with 8 samples: RSS stays at 0.93 GB instead of growing by 30 MB a batch
KEPT_SHARE = 0.8  # rows are moved together once a fifth of them has finished; measured: 0.7 to 0.9 make no difference

Prefix = list[tuple[torch.Tensor, torch.Tensor]]


def room_for(tokens: int) -> int:
    """Round up the length of a buffer: those of equal size are used again, others leave holes in memory."""
    return tokens + -tokens % ROUNDED


class OwnLayer(DynamicLayer):  # type: ignore[misc] # transformers' base class is untyped
    """Keys and values of the tokens behind the prefix, of one layer: (R, H, room, D), written in place."""

    def __init__(self, room: int, shared: int) -> None:
        super().__init__()
        self.is_initialized = False
        self.room = room
        self.shared = shared  # P
        self.own = 0  # columns written

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write states behind the earlier ones; returns all of them, (R, H, T, D)."""
        if not self.is_initialized:
            shape = (*key_states.shape[:2], self.room, key_states.shape[3])
            self.keys, self.values = key_states.new_empty(shape), value_states.new_empty(shape)
            self.is_initialized = True
        start, self.own = self.own, self.own + key_states.shape[2]
        self.keys[:, :, start : self.own], self.values[:, :, start : self.own] = key_states, value_states
        return self.keys[:, :, : self.own], self.values[:, :, : self.own]

    def get_seq_length(self) -> int:
        """Tokens that the next one comes after."""
        return self.shared + self.own

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, in this order; a row may come several times. Rows that leave make no new buffers."""
        rows = len(indices)
        if rows > len(self.keys):
            super().batch_select_indices(indices)
            return
        for states in (self.keys, self.values):
            states[:rows, :, : self.own] = states[indices, :, : self.own]
        self.keys, self.values = self.keys[:rows], self.values[:rows]


def attend(  # noqa: PLR0913, PLR0917 - the signature that transformers calls
    module: Any,  # noqa: ANN401 - an attention layer
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    hidden: torch.Tensor,
    scaling: float,
    prefix: Prefix,
) -> tuple[torch.Tensor, None]:
    """Attend to the shared prefix with one product for all rows, and to the own tokens of each row.

    Args:
        module: The layer, which knows its index.
        query: (R, H*G, Q, D).
        key: (R, H, T, D), of own tokens.
        value: As ``key``.
        hidden: (R, 1, Q, T), true where a query may not see a column.
        scaling: Of the scores.
        prefix: (H, P, D) keys and values of each layer; no layer where nothing is shared.

    Returns:
        (R, Q, H*G, D).
    """
    rows, heads, width = key.shape[0], key.shape[1], query.shape[3]
    queries = query.shape[1] // heads * query.shape[2]  # G*Q
    grouped = query.reshape(rows, heads, queries, width) * scaling
    own = (grouped @ key.transpose(2, 3)).view(rows, query.shape[1], query.shape[2], -1)
    # Filled, not added: a pad that sees nothing gets even weights, where a sum may overflow to -inf and give NaN.
    scores = own.masked_fill_(hidden, torch.finfo(own.dtype).min).view(rows, heads, queries, -1)
    if prefix:
        shared_keys, shared_values = prefix[module.layer_idx]
        by_head = grouped.transpose(0, 1).reshape(heads, rows * queries, width)
        shared = (by_head @ shared_keys.transpose(1, 2)).view(heads, rows, queries, -1).transpose(0, 1)
        scores = torch.cat([scores, shared], dim=-1)
    weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    seen = weights[..., : key.shape[2]] @ value
    if prefix:
        on_shared = weights[..., key.shape[2] :].transpose(0, 1).reshape(heads, rows * queries, -1)
        seen = seen + (on_shared @ shared_values).view(heads, rows, queries, -1).transpose(0, 1)
    return seen.reshape(rows, query.shape[1], query.shape[2], width).transpose(1, 2), None


def _with_sharing(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Make an attention that is ``plain`` but for calls that bring a shared prefix."""

    def attention(  # noqa: PLR0913, PLR0917 - the signature that transformers calls
        module: Any,  # noqa: ANN401
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: Any,  # noqa: ANN401 - a tensor, or None where every key is seen
        prefix: Prefix | None = None,
        **others: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if prefix is None:
            return plain(module, query, key, value, attention_mask, **others)
        return attend(module, query, key, value, attention_mask, others["scaling"], prefix)

    return attention


# Beside each plain attention, under a name of its own, the same with sharing; masks are made as for the plain one.
SHARING = {"eager": "eager_or_shared_prefix", "sdpa": "sdpa_or_shared_prefix"}
AttentionInterface.register(SHARING["eager"], _with_sharing(eager_attention_forward))
AttentionInterface.register(SHARING["sdpa"], _with_sharing(AttentionInterface()["sdpa"]))
AttentionMaskInterface.register(SHARING["eager"], eager_mask)
AttentionMaskInterface.register(SHARING["sdpa"], sdpa_mask)


def let_share(model: Any) -> None:  # noqa: ANN401 - a transformers model
    """Enable a model that was just loaded to share prefixes, where ``attend`` is all that its attention is.

    All that it computes without a shared prefix, in training above all, stays what it was, bit by bit.
    """
    config = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    own = config._attn_implementation  # noqa: SLF001 - transformers has no public name for it
    if (
        config.model_type in ARCHITECTURES
        and own in SHARING
        and rope.get("rope_type") not in BY_LENGTH
        and not any(DynamicCache(config=config).is_sliding)
    ):
        model.set_attn_implementation(SHARING[own])


def can_share(model: Any) -> bool:  # noqa: ANN401 - a transformers or PEFT model
    """Tell whether the model was enabled to share a prefix, and still is."""
    return getattr(getattr(model, "config", None), "_attn_implementation", None) in SHARING.values()


def left_pad(sequences: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad token lists on the left.

    Returns:
        ``input_ids`` and ``attention_mask``, both (B, T) int64.
    """
    length = max(len(sequence) for sequence in sequences)
    ids = torch.tensor([[pad] * (length - len(sequence)) + list(sequence) for sequence in sequences])
    mask = torch.tensor([[0] * (length - len(sequence)) + [1] * len(sequence) for sequence in sequences])
    return ids, mask


def common_prefix(token_lists: Sequence[list[int]]) -> int:
    """Tokens with which all lists begin; 0 where there is nobody to share them with.

    Each list keeps two of its own at least: who watches the passes takes a single one for a token that was generated.
    """
    if len(token_lists) == 1:
        return 0
    shortest = max(0, min(len(tokens) for tokens in token_lists) - OWN_TOKENS)
    first, last = min(token_lists), max(token_lists)  # in the order of a dictionary: all others lie between them
    return next((at for at in range(shortest) if first[at] != last[at]), shortest)


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
