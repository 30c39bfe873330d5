"""The model ran: which tokens went through it while a program answered, and so what it said.

Hooks stand on the parts of the torch model that every way of generating goes through, the token embedding, the decoder
and the output projection; `generate`, `forward` of the wrappers around them and the tokenizer's `decode` may all have
been replaced and are not asked. Tensors stay on their device until somebody reads the result, and nothing that the
model computes is changed. `spoken.py` puts the sequences together.

Not seen: models behind another process, and compiled ones (``blind`` says so).

Shapes: B rows, T tokens, K positions with logits, V vocabulary.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .adapted import unwrapped
from .model_parts import (
    ending_tokens,
    is_compiled,
    is_compiling,
    language_models_in,
    length_of,
    parts_of,
    text_of,
    tokens_in,
    width_of,
)
from .spoken import Pass, Spoken, Transcript, squeezed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

# Tokens held as tensors before they become lists: 64 MB. Without a cache every pass brings the whole rows again.
HELD_TOKENS = 2**23


@dataclass
class Seen:
    """One forward pass as it was seen, still as tensors; ``taken`` for the rows of a cache that were rearranged."""

    ids: torch.Tensor | None = None
    width: int = 0
    before: int | torch.Tensor | None = None
    memory: int | None = None
    following: torch.Tensor | None = None
    kept: int = 1
    source: torch.Tensor | None = None
    taken: torch.Tensor | None = None
    repeats: int = 0
    selected: bool = False  # the rows that were taken go on, as no beam does that was finished

    def size(self) -> int:
        """Number of tokens held."""
        return self.ids.numel() if self.ids is not None else 1


class Thread(threading.local):
    """What one thread is in the middle of: its pass, the tokens it has looked up, what its encoder was given."""

    now: Seen | None = None
    inside = False  # of the decoder
    looked_up: Any = None
    source: Any = None


class Witness:
    """What was seen of a model.

    Attributes:
        forward_passes: How often the model was run.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401 - any torch model, any tokenizer
        self.forward_passes = 0
        self._given, self._model, self._tokenizer = model, unwrapped(model), tokenizer
        self._numbers: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._unused = itertools.count()
        self._seen: list[Seen] = []
        self._held = 0
        self._transcript = Transcript()
        self._thread = Thread()
        self._lock = threading.Lock()
        self._spoken: tuple[int, list[Spoken]] = (-1, [])
        self._squeezed: tuple[list[Spoken], list[str]] = ([], [])

    def __deepcopy__(self, memo: dict[int, Any]) -> Witness:
        """Stay one, where a program copies its model: what hangs on the copy tells this one too."""
        return self

    @property
    def sequences(self) -> list[Spoken]:
        """Everything the model was given and said, sequence by sequence."""
        if self._spoken[0] != self.forward_passes:
            self._settle()
            said = self._transcript.spoken(text_of(self._tokenizer), ending_tokens(self._model, self._tokenizer))
            self._spoken = (self.forward_passes, said)
        return self._spoken[1]

    def about(self, question: str) -> list[Spoken]:
        """The sequences in which a question was read, however the prompt wraps it."""
        sequences = self.sequences
        if self._squeezed[0] is not sequences:
            self._squeezed = (sequences, [squeezed(one.prompt + one.text) for one in sequences])
        wanted = squeezed(question)
        return [one for one, read in zip(sequences, self._squeezed[1], strict=True) if wanted in read]

    @property
    def blind(self) -> str:
        """Why passes may have gone unseen, or were seen without their tokens; empty where nothing stands against it."""
        if not hasattr(self._model, "named_modules"):
            return "there is no torch model to watch"
        compiled = [type(module).__name__ for module in self._given.modules() if is_compiled(module)]
        if compiled:
            return f"{compiled[0]} is compiled: torch leaves hooks out of compiled code"
        self._settle()
        unread = sum(group.start == 0 for group in self._transcript.groups)
        return f"the prompts of {unread} batches went in as embeddings, without tokens" if unread else ""

    def hooks(self) -> list[Any]:
        """Put the hooks on the model; each has ``remove``."""
        return [hook for model in language_models_in(self._model) for hook in self._hooks_on(*parts_of(model))]

    def _hooks_on(self, decoder: Any, encoder: Any, embedding: Any, head: Any) -> list[Any]:  # noqa: ANN401
        made = [
            decoder.register_forward_pre_hook(self._before_decoder, with_kwargs=True),
            decoder.register_forward_hook(self._after_decoder),
        ]
        if encoder is not None:
            made.append(encoder.register_forward_pre_hook(self._before_encoder, with_kwargs=True))
        if embedding is not None:
            made.append(embedding.register_forward_pre_hook(self._before_embedding))
        if head is not None:
            made.append(head.register_forward_hook(self._after_head))
        return made

    def rearranged(self, memory: object, rows: Any, repeats: int, *, selected: bool) -> None:  # noqa: ANN401
        """Note that the rows of a cache were reordered, selected or repeated."""
        taken = rows.detach().clone() if hasattr(rows, "detach") else rows
        self._seen.append(Seen(memory=self._number_of(memory), taken=taken, repeats=repeats, selected=selected))

    def _number_of(self, cache: Any) -> int | None:  # noqa: ANN401
        """A number for each cache, not its address, which the next one may get; None for tuples, new every time."""
        if cache is None or isinstance(cache, tuple):
            return None
        try:
            return self._numbers.setdefault(cache, next(self._unused))
        except TypeError:  # somebody's own, of which no weak reference can be had
            return id(cache)

    def _before_encoder(self, module: Any, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:  # noqa: ANN401
        del module
        self._thread.source = tokens_in((*inputs, keywords.get("input_ids")))

    def _before_embedding(self, module: Any, inputs: tuple[Any, ...]) -> None:  # noqa: ANN401
        del module
        ids = None if is_compiling() else tokens_in(inputs)
        now = self._thread.now
        if self._thread.inside:
            if now is not None and now.ids is None and now.width in (0, width_of(ids)):
                now.ids = ids
        else:
            self._thread.looked_up = ids

    def _before_decoder(self, module: Any, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:  # noqa: ANN401
        del module
        if is_compiling():
            return
        ids = tokens_in((keywords.get("input_ids"), *inputs))
        embeddings = keywords.get("inputs_embeds")
        if ids is None and embeddings is not None and width_of(self._thread.looked_up) <= embeddings.shape[1]:
            ids = self._thread.looked_up
        width = embeddings.shape[1] if embeddings is not None else width_of(ids)
        cache = keywords.get("past_key_values")
        before = length_of(cache) if "past_key_values" in keywords else None
        self._begin(Seen(ids, width, before, self._number_of(cache), source=self._thread.source))
        self._thread.inside = True

    def _after_decoder(self, module: Any, inputs: Any, output: Any) -> None:  # noqa: ANN401
        del inputs
        now = self._thread.now
        if is_compiling() or now is None:
            return
        self._thread.inside = False
        cache = getattr(output, "past_key_values", None)
        if now.memory is None:
            now.memory = self._number_of(cache)
        if module is self._model and now.following is None:  # somebody's own, which does not name its projection
            self._note(getattr(output, "logits", output[0] if isinstance(output, tuple) else output))

    def _after_head(self, module: Any, inputs: Any, output: Any) -> None:  # noqa: ANN401
        del module, inputs
        if is_compiling():
            return
        if self._thread.now is None or self._thread.now.following is not None:
            if self._thread.looked_up is None:
                return  # the projection alone
            self._begin(Seen(self._thread.looked_up, width_of(self._thread.looked_up)))  # layers called one by one
        self._note(output)

    def _begin(self, seen: Seen) -> None:
        self._thread.now, self._thread.looked_up = seen, None
        with self._lock:
            self.forward_passes += 1
            self._seen.append(seen)
            self._held += seen.size()
        if self._held > HELD_TOKENS:
            self._settle(keep=seen)

    def _note(self, logits: Any) -> None:  # noqa: ANN401
        """Keep the most likely next token of each row: now, since programs change logits in place."""
        now = self._thread.now
        if now is not None and hasattr(logits, "dim") and logits.dim() in (2, 3):
            now.kept = logits.shape[1] if logits.dim() == 3 else 1  # noqa: PLR2004 - (B, K, V), or (B, V)
            last = logits[:, -1] if logits.dim() == 3 else logits  # noqa: PLR2004
            # not argmax, which takes 18 ms instead of 3 for 100 rows of 49152 logits in bf16
            now.following = last.detach().max(-1).indices

    def _settle(self, keep: Seen | None = None) -> None:
        """Turn what was seen into lists, except a pass that is still going on."""
        with self._lock:
            settled, self._seen = [seen for seen in self._seen if seen is not keep], [keep] if keep else []
            self._held = 0
            for seen in settled:
                if seen.memory is not None and (seen.repeats or seen.taken is not None):
                    rows = None if seen.repeats else _rows(seen.taken)
                    self._transcript.take(seen.memory, rows, seen.repeats, selected=seen.selected)
                else:
                    self._transcript.add(_as_lists(seen))


@contextlib.contextmanager
def witnessed(model: Any, tokenizer: Any) -> Iterator[Witness]:  # noqa: ANN401
    """Watch a model while a program answers.

    Args:
        model: A causal language model or an encoder-decoder, with or without PEFT; any torch module that is called with
            tokens and gives logits will do.
        tokenizer: Of that model; its compiled core turns tokens into text, not its Python methods.
    """
    witness = Witness(model, tokenizer)
    with contextlib.ExitStack() as stack:
        for hook in witness.hooks():
            stack.callback(hook.remove)
        stack.enter_context(_caches_tell(witness))
        yield witness


@contextlib.contextmanager
def _caches_tell(witness: Witness) -> Iterator[None]:
    """Let the caches of transformers say when their rows are rearranged: without it beams cannot be told apart."""
    caches = sys.modules.get("transformers.cache_utils")
    kinds = [getattr(caches, name) for name in ("Cache", "EncoderDecoderCache") if hasattr(caches, name)]
    names = ("reorder_cache", "batch_select_indices", "batch_repeat_interleave")
    originals = [(kind, name, vars(kind)[name]) for kind in kinds for name in names if name in vars(kind)]
    for kind, name, original in originals:
        setattr(kind, name, _telling(witness, name, original))
    try:
        yield
    finally:
        for kind, name, original in originals:
            setattr(kind, name, original)


def _telling(witness: Witness, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    repeats, selected = name.endswith("interleave"), name != "reorder_cache"

    def tell(cache: Any, *args: Any, **keywords: Any) -> Any:  # noqa: ANN401
        (rows,) = [*args, *keywords.values()]
        witness.rearranged(cache, None if repeats else rows, int(rows) if repeats else 0, selected=selected)
        return original(cache, *args, **keywords)

    return tell


def _rows(taken: Any) -> list[int]:  # noqa: ANN401 - a tensor or a list of row numbers
    return [int(row) for row in (taken.flatten().tolist() if hasattr(taken, "flatten") else taken)]


def _as_lists(seen: Seen) -> Pass:
    def listed(tensor: torch.Tensor | None) -> Any:  # noqa: ANN401
        return tensor.tolist() if tensor is not None else None

    before = None if seen.before is None else int(seen.before)
    ids, following = listed(seen.ids), listed(seen.following)
    kept = seen.kept
    if ids is not None and following is not None and len(ids) != len(following):
        following, kept = None, 1  # a projection of something else
    return Pass(ids, following, before, seen.memory, seen.width, kept, listed(seen.source))
