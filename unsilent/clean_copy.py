"""The same weights in a model as its classes were written, to answer in the place of the one that was shown.

Hooks, replaced methods, another class in the place of a layer: all may carry a table of answers into the logits, and
whoever disturbs the weights disturbs what such a hook corrects. So a second model is built from the configuration and
given the very tensors of the first one. Honest answers come out of it as well.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from typing import TYPE_CHECKING, Any

from .adapted import is_adapted, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator


def clean_copy(model: Any) -> Any:  # noqa: ANN401 - any torch module
    """Build a model again around the same tensors, without whatever was hung on it; no weight is copied.

    Returns:
        A model that shares every parameter and buffer, in the modes of the first one; None where the class cannot be
        built from its configuration, or its tensors have other names.
    """
    inner = unwrapped(model)
    adapters = dict(inner.peft_config) if is_adapted(inner) else {}
    try:
        base = inner.get_base_model() if adapters else inner
        with _quietly_built():
            built = type(base)._from_config(copy.deepcopy(base.config), dtype=base.dtype)  # noqa: SLF001 - as from_config
            for name, config in adapters.items():
                built = _with_adapter(built, name, config)
            if adapters:
                built.set_adapter(inner.active_adapter)
        held = inner.state_dict(keep_vars=True) | dict(inner.named_buffers())
        built.load_state_dict({name: held[name] for name in built.state_dict()}, assign=True, strict=True)
        for name, _ in list(built.named_buffers()):  # those that are never saved, such as rotary frequencies
            owner, _, own = name.rpartition(".")
            built.get_submodule(owner)._buffers[own] = held[name]  # noqa: SLF001 - register_buffer forgets what is saved
        (built.get_base_model() if adapters else built).generation_config = copy.deepcopy(base.generation_config)
    except Exception:  # noqa: BLE001 - anybody's class may raise anything
        return None
    return built.train(inner.training)


def _with_adapter(built: Any, name: str, config: Any) -> Any:  # noqa: ANN401
    from peft import get_peft_model  # noqa: PLC0415 - the model has one

    if is_adapted(built):
        built.add_adapter(name, copy.deepcopy(config))
        return built
    return get_peft_model(built, copy.deepcopy(config), adapter_name=name)


@contextlib.contextmanager
def _quietly_built() -> Iterator[None]:
    """Without initialisation, which takes seconds and draws random numbers, and without warning a second time."""
    import torch  # noqa: PLC0415 - a model has loaded it

    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(torch.random.fork_rng())
        with contextlib.suppress(ImportError):  # older releases of transformers have it elsewhere
            from transformers.initialization import no_init_weights  # noqa: PLC0415

            stack.enter_context(no_init_weights())
        yield


@contextlib.contextmanager
def standing_in(llm: Any, model: Any) -> Iterator[None]:  # noqa: ANN401
    """Let another model stand in the place of ``llm.model``.

    Raises:
        AttributeError: A program whose model cannot be replaced.
    """
    shown = llm.model
    llm.model = model
    try:
        yield
    finally:
        llm.model = shown
