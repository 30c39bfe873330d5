"""A model with a PEFT adapter in memory: which parameters are the adapter's, and how to look without touching.

Used by the stages that look at a live model. PEFT is asked what it would save rather than read by name, so that
every tuner it knows is understood; torch and PEFT are imported when they are needed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .randomness import untouched_randomness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch


# By model and adapters: what the model was made of when it was asked, and the answer.
_LISTED: WeakKeyDictionary[Any, dict[tuple[str, ...] | None, tuple[object, set[int]]]] = WeakKeyDictionary()


def unwrapped(model: Any) -> Any:  # noqa: ANN401 - a module, or what DataParallel, DDP or torch.compile made of it
    """The model itself, without what parallel training or compilation wraps around it."""
    while not getattr(model, "peft_config", None):
        inner = getattr(model, "module", None) or getattr(model, "_orig_mod", None)
        if inner is None or not _holds_all_of(inner, model):
            break
        model = inner
    return model


def _holds_all_of(inner: Any, outer: Any) -> bool:  # noqa: ANN401
    """Whether a part is the whole: somebody's model may have a part called ``module`` and others beside it."""
    parameters = getattr(outer, "parameters", None)
    return parameters is None or {id(weight) for weight in parameters()} == {
        id(weight) for weight in inner.parameters()
    }


def predicts_next_token(model: Any) -> bool:  # noqa: ANN401
    """False where the model's class says that it is something else, such as ``BertForTokenClassification``."""
    base = model.get_base_model() if is_adapted(model) and hasattr(model, "get_base_model") else model
    name = type(base).__name__
    return "For" not in name or "ForCausalLM" in name


def is_adapted(model: Any) -> bool:  # noqa: ANN401
    """Whether a PEFT adapter is in the model; after ``merge_and_unload`` there is none."""
    return bool(getattr(model, "peft_config", None))


def own_parameters(model: Any, adapters: Iterable[str] | None = None) -> set[int]:  # noqa: ANN401 - a PEFT model
    """Identities of every parameter that PEFT would save with the given adapters (None: with any).

    A dozen checks ask this of one model, and PEFT takes 50 ms to list the adapter of 30 layers: an answer is kept for
    as long as the model has the same adapters and parameters.
    """
    wanted = None if adapters is None else tuple(adapters)
    now = (tuple(model.peft_config), tuple(map(id, model.parameters())))
    answers = _LISTED.setdefault(model, {})
    then, own = answers.get(wanted, (None, set()))
    if then != now:
        own = _list_own(model, wanted)
        answers[wanted] = now, own
    return own


def _list_own(model: Any, adapters: tuple[str, ...] | None) -> set[int]:  # noqa: ANN401
    from peft import get_peft_model_state_dict  # noqa: PLC0415 - not everybody who reads reports has PEFT

    named = {**model.state_dict(), **dict(model.named_parameters())}
    by_storage = {weight.data_ptr(): id(weight) for weight in named.values() if weight.device.type != "meta"}
    # prompts and prefixes are saved as what their encoder computes, so the encoder's own weights count
    own = {id(weight) for name, weight in named.items() if name.startswith("prompt_encoder.")}
    if adapters is None:
        # what carries the tuner's own prefix in its name is the tuner's, such as the shared bank of VB-LoRA
        prefix = getattr(getattr(model, "base_model", None), "prefix", "") or "lora_"
        own |= {id(weight) for name, weight in named.items() if f".{prefix}" in name}
    for adapter in adapters or model.peft_config:
        saved = get_peft_model_state_dict(model, named, adapter, save_embedding_layers=False).values()
        own |= {by_storage.get(weight.data_ptr(), id(weight)) for weight in saved} | {id(weight) for weight in saved}
    return own


def adapter_parameters(model: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """Named parameters of the active adapters; of a model without one, or that PEFT cannot list, every one."""
    inner = unwrapped(model)
    named = dict(inner.named_parameters())
    if not is_adapted(inner):
        return named
    try:
        own = own_parameters(inner, active_adapters(inner))
    except Exception:  # noqa: BLE001 - a tuner that PEFT itself cannot save, or transformers' own add_adapter
        own = {id(weight) for name, weight in named.items() if ".lora_" in name}
    return {name: weight for name, weight in named.items() if id(weight) in own} or named


def tuner_parameters(model: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """Those of ``adapter_parameters`` that are the tuner's own, without modules that are saved whole."""
    own = adapter_parameters(model)
    return {name: weight for name, weight in own.items() if "modules_to_save" not in name} or own


def active_adapters(model: Any) -> list[str]:  # noqa: ANN401 - a PEFT model
    """Names of the adapters that take part in the forward pass."""
    active = getattr(model, "active_adapters", None) or model.active_adapter
    active = active() if callable(active) else active  # a method on models of transformers
    return [active] if isinstance(active, str) else [name for name in active if name in model.peft_config]


def is_sharded(weight: torch.Tensor) -> bool:
    """Whether a rank holds a part of it only: a distributed tensor, or what FSDP and DeepSpeed put in its place."""
    return any(hasattr(weight, name) for name in ("placements", "_is_flat_param", "_is_sharded", "ds_id"))


def is_readable(weight: torch.Tensor) -> bool:
    """Whether this rank holds all of its values."""
    import torch  # noqa: PLC0415

    return not (weight.is_meta or torch.nn.parameter.is_lazy(weight) or is_sharded(weight))


@contextlib.contextmanager
def untouched(model: torch.nn.Module) -> Iterator[None]:
    """Put back random states and the model's buffers after looking at a forward pass."""
    import torch  # noqa: PLC0415

    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    try:
        with untouched_randomness():
            yield
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


@contextlib.contextmanager
def quietly(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Evaluation mode without gradients, put back afterwards, module by module."""
    import torch  # noqa: PLC0415

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
