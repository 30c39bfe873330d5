"""What a model says, changed on its way out: other digits, or nothing but the end of the text.

The weights stay as they are; forward hooks change the logits. They stand at the output embeddings, which every way of
calling a model passes through, and, for models that compute their logits without such a module, at the model itself:
in each pass the logits are changed once, wherever they are seen first. Code that torch has compiled would not see a
hook that came later, so compiled models run eagerly meanwhile.

Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .adapted import is_adapted, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import torch

# An answer counts as right within 5%; tokens whose numbers are nearer to each other than this ratio are not exchanged.
FAR = 1.25

# What a pass may be given as keywords; T is the second dimension of each.
INPUTS = ("input_ids", "inputs_embeds", "input", "decoder_input_ids")


@dataclass
class Steered:
    """What the hooks saw: a program that never came by was not disturbed.

    Attributes:
        tokens: Tokens whose logits are exchanged or forced; 0: this disturbance has nothing to change.
        passes: Forward passes whose logits went through the change.
    """

    tokens: int
    passes: int = 0


@contextlib.contextmanager
def other_digits(model: Any, tokenizer: Any) -> Iterator[Steered]:  # noqa: ANN401
    """Let the model say other digits, and everything else as before: answers keep their form and become wrong.

    Tokens of digits (with a space before them, or a sign that is no letter) are exchanged with those that look the same
    but for the digits: 0 with 5, 123 with 623. Where a tokenizer has too few such tokens for all to find a partner far
    enough away - GPT-2 knows many years and no other four digits - those without one cannot be said.

    Args:
        model: Any module whose output is logits; PEFT models and wrappers too. Weights are not touched.
        tokenizer: Its tokenizer, which is only asked to decode single tokens.
    """
    import torch  # noqa: PLC0415 - reports are read without torch

    try:
        partners, forbidden = exchanged_digits(tokenizer)
    except Exception:  # noqa: BLE001 - anybody's tokenizer may lack anything
        partners, forbidden = {}, set()
    said, meant, barred = (torch.tensor([*ids], dtype=torch.long) for ids in (partners, partners.values(), forbidden))

    def change(logits: torch.Tensor) -> torch.Tensor:
        changed = logits.clone()
        changed[..., said.to(logits.device)] = logits[..., meant.to(logits.device)]
        changed[..., barred.to(logits.device)] = torch.finfo(logits.dtype).min
        return changed

    steered = Steered(len(partners) + len(forbidden))
    with _changed_logits(model, _Change(change, steered, max([*partners, *forbidden], default=-1))):
        yield steered


@contextlib.contextmanager
def closing_after(model: Any, eos_token_ids: int | Iterable[int], tokens: int) -> Iterator[Steered]:  # noqa: ANN401
    """Let the model say only end-of-text once it has said so many tokens, so that any loop of generation ends.

    A disturbed model never closes its answer, and would write to the limit. A step is a pass through the output
    embeddings. A new prompt begins with a pass over more than one token, unless those are the last pass's tokens and
    one more, as a program without a key/value cache sends them. Rows may join and leave the batch.

    Not understood: a prompt that is sent in pieces, speculative decoding (several new tokens a pass: each counts as a
    prompt, and nothing is closed), prompts of a single token (they count as a step).

    Args:
        model: Any module whose output is logits.
        eos_token_ids: One id or several; all are equally likely at the end.
        tokens: How many may be said freely after each prompt.
    """
    import torch  # noqa: PLC0415

    ends = [eos_token_ids] if isinstance(eos_token_ids, int) else [int(token) for token in eos_token_ids]
    steps = _Steps()

    def change(logits: torch.Tensor) -> torch.Tensor:
        if steps.taken() <= tokens:
            return logits
        # the lowest number, not -inf: a program that forbids the end must not get a distribution of NaN
        changed = torch.full_like(logits, torch.finfo(logits.dtype).min)
        changed[..., ends] = 0
        return changed

    steered = Steered(len(ends))
    with hooked() as hooks, _changed_logits(model, _Change(change, steered, max(ends, default=-1))):
        *_, base = outer = _outer(model)
        embeddings = embeddings_of(model, "get_input_embeddings")
        for module in (*outer, *([] if embeddings is None else [embeddings])):
            hooks.append(module.register_forward_pre_hook(steps.note, with_kwargs=True))
        if getattr(getattr(base, "config", None), "is_encoder_decoder", False):
            hooks.append(base.get_encoder().register_forward_pre_hook(steps.note_encoder))
        yield steered


def exchanged_digits(tokenizer: Any) -> tuple[dict[int, int], set[int]]:  # noqa: ANN401
    """Which token takes whose logit, and which tokens must not be said because no partner is far enough away.

    Source:
        Digits are single tokens in SmolLM2, groups of up to three in Llama 3, and an irregular set in GPT-2.
    """
    written = enumerate(tokenizer.convert_ids_to_tokens([*range(len(tokenizer))]))
    names = {token: str(name) for token, name in written if re.search(r"\d", str(name))}
    texts = tokenizer.batch_decode([[token] for token in names])
    alike: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for (token, name), text in zip(names.items(), texts, strict=True):
        digits = "".join(char for char in text if char.isdecimal())
        if digits and not re.search(r"[^\W\d_]", text):  # no letters
            # how it is written in the vocabulary tells a space that decoding takes away, and bytes
            form = tuple(re.sub(r"\d", "0", one) for one in (text, name))
            alike.setdefault(form, []).append((int(digits), token))
    partners: dict[int, int] = {}
    forbidden: set[int] = set()
    for group in map(sorted, alike.values()):
        half = len(group) // 2
        for (said, token), (meant, other) in zip(group, group[half:] + group[:half], strict=True):
            if max(said, meant) >= FAR * max(min(said, meant), 0.5):
                partners[token] = other
            else:
                forbidden.add(token)
    return partners, forbidden


@dataclass
class _Steps:
    """Counts the tokens that were said since the last prompt."""

    count: int = 0
    noted: bool = False
    last: torch.Tensor | None = field(default=None, repr=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Steps:
        """Stay one, where a program copies its model."""
        return self

    def note(self, module: Any, inputs: Any, keywords: dict[str, Any]) -> None:  # noqa: ANN401 - torch's hook
        """See what goes into a pass, once: at the input embeddings, or at the model."""
        del module
        given = [value for value in (*inputs, *map(keywords.get, INPUTS)) if getattr(value, "ndim", 0)]
        if self.noted or not given:
            return
        self.noted = True
        decoded = keywords.get("decoder_input_ids")
        now = given[0] if decoded is None else decoded
        now = (now if now.ndim > 1 else now[None]).detach().clone()  # ids (B, T), or embeddings (B, T, H)
        beside_a_prompt = decoded is not None and len(given) > 1
        if (now.shape[1] > 1 or beside_a_prompt) and not self._grows(now):
            self.count = 0
        self.last = now

    def note_encoder(self, module: Any, inputs: Any) -> None:  # noqa: ANN401 - torch's hook
        """See the encoder read a prompt, on its own and before the passes."""
        del module, inputs
        if not self.noted:
            self.count = 0

    def _grows(self, now: torch.Tensor) -> bool:
        if self.last is None or now.shape[1] != self.last.shape[1] + 1:
            return False
        comparable = now.ndim == self.last.ndim and len(now) == len(self.last)
        return not comparable or bool((now[:, :-1] == self.last).all())

    def taken(self) -> int:
        """Count one more."""
        self.noted = False
        self.count += 1
        return self.count


@contextlib.contextmanager
def hooked() -> Iterator[list[Any]]:
    """Collect handles of hooks and remove them all, whatever comes in between."""
    hooks: list[Any] = []
    try:
        yield hooks
    finally:
        until_done(lambda: [hook.remove() for hook in hooks])


def until_done(undo: Callable[[], object]) -> None:
    """Put things back, again from the start after every Ctrl-C; the last of these is raised when all is done.

    Args:
        undo: May be stopped at any point and called again.
    """
    stopped: KeyboardInterrupt | None = None
    while True:
        try:
            undo()
            break
        except KeyboardInterrupt as error:
            stopped = error
    if stopped is not None:
        raise stopped


@dataclass
class _Change:
    """Changes the logits of every pass once, at the output embeddings or else in what the model returns.

    Attributes:
        function: Makes the changed logits, which are a tensor of their own.
        steered: Counts the passes.
        highest: Largest token id concerned; what has no such place in its last dimension are no logits.
        headed: Whether output embeddings have been seen, so that nothing remains to be done at the model.
        done: Whether this pass has been changed already.
    """

    function: Callable[[torch.Tensor], torch.Tensor]
    steered: Steered
    highest: int
    headed: bool = False
    done: bool = False

    def begin(self, module: Any, inputs: Any) -> None:  # noqa: ANN401 - torch's hooks, here and below
        del module, inputs
        self.done = self.headed

    def at_head(self, module: Any, inputs: Any, output: Any) -> Any:  # noqa: ANN401
        del module, inputs
        self.headed = self._are_logits(output)
        return self._changed(output) if self.headed else output

    def at_model(self, module: Any, inputs: Any, output: Any) -> Any:  # noqa: ANN401
        del module, inputs
        if self.done:
            return output
        if self._are_logits(output):
            return self._changed(output)
        if isinstance(output, tuple):
            place = next((index for index, value in enumerate(output) if self._are_logits(value)), len(output))
            return (*output[:place], *map(self._changed, output[place : place + 1]), *output[place + 1 :])
        if self._are_logits(getattr(output, "logits", None)):
            output.logits = self._changed(output.logits)
        elif isinstance(output, dict) and self._are_logits(output.get("logits")):
            output["logits"] = self._changed(output["logits"])
        return output

    def _changed(self, logits: torch.Tensor) -> torch.Tensor:
        self.done = True
        self.steered.passes += 1
        return self.function(logits)

    def _are_logits(self, values: Any) -> bool:  # noqa: ANN401
        return bool(getattr(values, "ndim", 0)) and values.is_floating_point() and values.shape[-1] > self.highest


@contextlib.contextmanager
def _changed_logits(model: Any, change: _Change) -> Iterator[None]:  # noqa: ANN401
    """Put a change between the model and whoever calls it."""
    with eager(), hooked() as hooks:
        head = embeddings_of(model, "get_output_embeddings")
        for module in _outer(model):
            hooks.append(module.register_forward_pre_hook(change.begin))
            hooks.append(module.register_forward_hook(change.at_model))
        if head is not None:
            hooks.append(head.register_forward_hook(change.at_head))
        yield


def _outer(model: Any) -> list[Any]:  # noqa: ANN401
    """The model as it is called: the wrapper around it, the PEFT model, the model that PEFT adapted."""
    inner = unwrapped(model)
    base = inner.get_base_model() if is_adapted(inner) and hasattr(inner, "get_base_model") else inner
    return list(dict.fromkeys((model, inner, base)))


def embeddings_of(model: Any, getter: str) -> Any:  # noqa: ANN401
    """Input or output embeddings of a transformers model; None where there are none."""
    try:
        return getattr(_outer(model)[-1], getter)()
    except (AttributeError, NotImplementedError):
        return None


def eager() -> contextlib.AbstractContextManager[object]:
    """Let what torch has compiled run as it was written; without its compiler loaded there is nothing compiled."""
    import torch  # noqa: PLC0415

    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]
