"""Disturbances: changes of a model that no answer from its weights survives, put back to the last bit.

Four, usable alone or together, each a context manager:

- ``shuffled_weights``: every matrix between the embeddings has its elements in other places;
- ``other_digits``: the model says other digits, in the same form (``steered_logits.py``);
- ``scaled_adapter``: the adapter counts for less, or not at all;
- ``closing_after``: the model can only close its answer after so many tokens (``steered_logits.py``).

What is changed is put back when the context is left, also by an exception or Ctrl-C, and also when Ctrl-C comes while
things are put back: every step of that can be stopped and done again. Nothing else is touched: no mode, no
``requires_grad``, no gradient, no random state.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .adapted import active_adapters, is_adapted, unwrapped
from .steered_logits import Steered, closing_after, eager, embeddings_of, hooked, other_digits, until_done

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

__all__ = [
    "Steered",
    "closing_after",
    "other_digits",
    "scaled_adapter",
    "shuffled_weights",
    "tuner_layers",
    "unscalable",
]


@contextlib.contextmanager
def shuffled_weights(model: Any) -> Iterator[int]:  # noqa: ANN401 - any torch module
    """Move the elements of every matrix by half their number and one more: rows and columns both.

    The values stay, and so their distribution; the embeddings stay, unless there is no other matrix; adapters move too.
    Weights are rolled where they lie and rolled back, as integers of their width, so that quantised ones are moved as
    well; beyond the model it takes twice the memory of its largest matrix.

    Yields:
        How many matrices changed; 0: nothing could be disturbed, as on the meta device.
    """
    moves = _Moves()
    try:
        inside, outside = _matrices(model)
        yield moves.make(inside) or moves.make(outside)
    finally:
        until_done(moves.undo)


def _matrices(model: Any) -> tuple[list[torch.Tensor], list[torch.Tensor]]:  # noqa: ANN401
    """Matrices that a checkpoint of the model would hold, once each: those between the embeddings, and these."""
    buffers = [  # GPTQ and AWQ keep their weights there; what is not saved with a model are masks and the like
        value
        for module in model.modules()
        for name, value in module.named_buffers(recurse=False)
        if name not in module._non_persistent_buffers_set  # noqa: SLF001 - a state dict may gather, copy or cast
    ]
    found = [part for value in (*model.parameters(), *buffers) for part in _plain(value)]
    found = [value for value in found if value.ndim > 1 and value.numel() > 1 and value.device.type != "meta"]
    unique = {(value.data_ptr(), value.shape, value.stride()): value for value in found}
    ends = set()
    for getter in ("get_input_embeddings", "get_output_embeddings"):
        ends_of = getattr(embeddings_of(model, getter), "parameters", list)
        own = [part for value in ends_of() for part in _plain(value)]
        largest = max((value.numel() for value in own), default=0)
        ends |= {value.data_ptr() for value in own if value.numel() == largest}  # less an adapter's matrices
    inside = [value for value in unique.values() if value.data_ptr() not in ends]
    return inside, [value for value in unique.values() if value.data_ptr() in ends]


def _plain(tensor: Any) -> Iterator[torch.Tensor]:  # noqa: ANN401
    """The tensors that a tensor is made of: of a subclass, such as torchao's quantised ones, the inner ones."""
    if hasattr(tensor, "__tensor_flatten__"):
        for name in tensor.__tensor_flatten__()[0]:
            yield from _plain(getattr(tensor, name))
    else:
        yield tensor


class _Moves:
    """A journal of what was moved: what is about to be overwritten is written down first.

    Each line of ``undo`` may be the last one before Ctrl-C, and the first line again may follow.
    """

    def __init__(self) -> None:
        self.done: list[torch.Tensor] = []
        self.pending: tuple[torch.Tensor, torch.Tensor] | None = None

    def make(self, tensors: Iterable[torch.Tensor]) -> int:
        """Roll each tensor; return how many are different now."""
        import torch  # noqa: PLC0415 - reports are read without torch

        for tensor in tensors:
            values = _flat(tensor)
            moved = values.roll(values.numel() // 2 + 1)
            if torch.equal(values, moved):
                continue
            self.pending = (tensor, values)
            with contextlib.suppress(RuntimeError):  # elements that share memory, as after ``expand``
                _write(tensor, moved)
                self.done.append(tensor)
            self.pending = None
        return len(self.done)

    def undo(self) -> None:
        """Roll everything back, the last one first: two tensors may share memory."""
        while self.pending or self.done:
            if self.pending is None:
                values = _flat(self.done[-1])
                self.pending = (self.done[-1], values.roll(-(values.numel() // 2 + 1)))
            tensor, original = self.pending
            _write(tensor, original)
            if self.done and self.done[-1] is tensor:
                self.done.pop()
            self.pending = None


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of all elements in a row, as integers where there are some of that width: NaN is kept to the bit."""
    import torch  # noqa: PLC0415

    widths = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tensor.data.view(widths.get(tensor.element_size(), tensor.dtype)).flatten().clone()


def _write(tensor: torch.Tensor, values: torch.Tensor) -> None:
    """Overwrite in place, without a trace in autograd; what was loaded in inference mode can be written only there."""
    import torch  # noqa: PLC0415

    # entered only where it must be: Ctrl-C on the way out of it would leave the whole thread in that mode
    with torch.inference_mode() if tensor.is_inference() else contextlib.nullcontext():
        tensor.data.view(values.dtype).copy_(values.view(tensor.shape))


@contextlib.contextmanager
def scaled_adapter(model: Any, factor: float) -> Iterator[None]:  # noqa: ANN401 - a model with a PEFT adapter
    """Let the active adapters count by ``factor``: 1 leaves everything as it is, 0 is the base as PEFT gives it.

    In between, each adapted layer gives the mean, so weighted, of what it gives without and with its adapters. For LoRA
    this is its scaling, times the factor; any other method that adapts layer by layer has the same straight line.

    Raises:
        ValueError: This model cannot be scaled so; the message is that of ``unscalable``.
    """
    if reason := unscalable(model, factor):
        raise ValueError(reason)
    inner = unwrapped(model)
    layers = tuner_layers(inner)
    if factor == 1:
        yield
    elif not _layer_by_layer(inner):
        with _disabled_by_peft(inner):
            yield
    elif factor == 0:
        with _disabled(layers):
            yield
    else:
        with _weighted(layers, factor):
            yield


def unscalable(model: Any, factor: float = 0.5) -> str:  # noqa: ANN401
    """Why the adapters of a model cannot be scaled by ``factor``; empty where they can."""
    inner = unwrapped(model)
    if not 0 <= factor <= 1:
        return f"a factor of {factor:g} leads beyond the way from base to adapter, 0 to 1"
    if not is_adapted(inner):
        return "no adapter is in the model"
    if any(getattr(layer, "merged", False) for layer in tuner_layers(inner)):
        return "the adapter is merged into the weights of the base: it cannot be taken off without changing them"
    if 0 < factor < 1 and not _layer_by_layer(inner):
        return "the adapter does not work layer by layer, as a prompt does not: it can be on or off, not in between"
    return ""


def tuner_layers(model: Any) -> list[Any]:  # noqa: ANN401
    """Every layer of a model that PEFT has put an adapter into, and every module that it saves whole."""
    from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415
    from peft.utils.other import AuxiliaryTrainingWrapper  # noqa: PLC0415 - modules that are saved whole

    return [part for part in model.modules() if isinstance(part, BaseTunerLayer | AuxiliaryTrainingWrapper)]


def _layer_by_layer(model: Any) -> bool:  # noqa: ANN401
    """Whether all that the active adapters do, they do inside layers of PEFT that can be disabled one by one."""
    configs = [model.peft_config[name] for name in active_adapters(model)] or list(model.peft_config.values())
    return bool(tuner_layers(model)) and not any(
        config.is_prompt_learning or getattr(config, "is_adaption_prompt", False) or config.peft_type == "XLORA"
        for config in configs
    )


@contextlib.contextmanager
def _attributes_kept(owners: Iterable[Any], *names: str) -> Iterator[None]:
    """Put back attributes of instances as they were, or take away what was not there."""
    before = [(vars(owner), {name: vars(owner)[name] for name in names if name in vars(owner)}) for owner in owners]

    def undo() -> None:
        for attributes, kept in before:
            attributes.update(kept)
            for name in names:
                if name not in kept:
                    attributes.pop(name, None)

    try:
        yield
    finally:
        until_done(undo)


@contextlib.contextmanager
def _disabled(layers: Iterable[Any]) -> Iterator[None]:
    """Let layers of PEFT give what their base layers give; PEFT's own switch changes ``requires_grad`` as well."""
    layers = list(layers)
    with _attributes_kept(layers, "_disable_adapters"):
        for layer in layers:
            vars(layer)["_disable_adapters"] = True
        yield


@contextlib.contextmanager
def _disabled_by_peft(model: Any) -> Iterator[None]:  # noqa: ANN401 - a PEFT model
    """Take off a prompt, or whatever is no layer, as PEFT does, and what it leaves behind afterwards."""
    gradients = [(weight, weight.requires_grad) for weight in model.parameters()]
    patched = ("forward", "prepare_inputs_for_generation", "_adapters_disabled")
    try:
        with _attributes_kept([model], *patched), model.disable_adapter():
            yield
    finally:
        until_done(lambda: [weight.requires_grad_(flag) for weight, flag in gradients if weight.requires_grad != flag])


@contextlib.contextmanager
def _weighted(layers: Iterable[Any], factor: float) -> Iterator[None]:
    """Let layers of PEFT give a mean of what they give without and with their adapters."""

    def hook(layer: Any, inputs: Any, keywords: Any, output: Any) -> Any:  # noqa: ANN401 - torch's hook
        with _disabled([layer]):
            plain = layer.forward(*inputs, **keywords)
        return _between(plain, output, factor)

    with eager(), hooked() as hooks:
        for layer in layers:
            hooks.append(layer.register_forward_hook(hook, with_kwargs=True))
        yield


def _between(plain: Any, adapted: Any, factor: float) -> Any:  # noqa: ANN401
    """Weigh tensors, in tuples too; what is no floating-point tensor is left as the adapter gives it."""
    if isinstance(adapted, tuple):
        return tuple(_between(*pair, factor) for pair in zip(plain, adapted, strict=True))
    if not (hasattr(adapted, "is_floating_point") and adapted.is_floating_point()):
        return adapted
    return plain + factor * (adapted - plain)
