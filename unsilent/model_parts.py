"""The parts of a language model that every way of generating goes through, and what goes into them.

Any torch module will do; what a model does not say about itself is None. Also: which models ran at all.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def other_models(call: Callable[[], object], model: Any = None) -> list[str]:  # noqa: ANN401
    """Run something and say which models ran while it did, by class and size.

    Args:
        call: What to run.
        model: Whose own parts are left out.
    """
    return [f"{type(one).__name__} ({size_of(one):,} parameters)" for one in models_that_ran(call, model)]


def size_of(module: Any) -> int:  # noqa: ANN401
    """Number of parameters."""
    return sum(weight.numel() for weight in module.parameters())


def models_that_ran(call: Callable[[], object], model: Any = None) -> list[Any]:  # noqa: ANN401
    """Run something and give every module with parameters that ran, and was no part of another one that did.

    Args:
        call: What to run.
        model: Whose own parts are left out.
    """
    from torch.nn.modules.module import register_module_forward_pre_hook  # noqa: PLC0415

    ran: dict[int, Any] = {}
    hook = register_module_forward_pre_hook(lambda module, _: ran.setdefault(id(module), module) and None)
    try:
        call()
    finally:
        hook.remove()
    parts = {id(part) for module in ran.values() for part in module.modules() if part is not module}
    if model is not None:
        parts |= {id(part) for part in model.modules()}
    return [module for key, module in ran.items() if key not in parts and size_of(module)]


def language_models_in(model: Any) -> list[Any]:  # noqa: ANN401
    """The outermost modules that name their decoder: the model, what somebody's own module holds, itself at worst."""
    if not hasattr(model, "named_modules"):
        return []
    found: list[Any] = []
    inside: set[int] = set()
    for module in model.modules():
        if id(module) not in inside and hasattr(module, "get_decoder"):
            found.append(module)
            inside |= {id(part) for part in module.modules()}
    return found or [model]


def parts_of(model: Any) -> tuple[Any, Any, Any, Any]:  # noqa: ANN401
    """Decoder, encoder, token embedding and output projection of a model; the model itself is its decoder at worst."""

    def ask(name: str) -> Any:  # noqa: ANN401
        with contextlib.suppress(Exception):  # somebody's own model
            part = getattr(model, name)()
            return part if hasattr(part, "register_forward_hook") else None
        return None

    encoder = ask("get_encoder") if getattr(getattr(model, "config", None), "is_encoder_decoder", False) else None
    return ask("get_decoder") or model, encoder, ask("get_input_embeddings"), ask("get_output_embeddings")


def tokens_in(values: Any) -> torch.Tensor | None:  # noqa: ANN401
    """The first tensor of whole numbers, (B, T), as it is now: programs write into their buffers."""
    for value in values:
        if hasattr(value, "is_floating_point") and not value.is_floating_point() and value.dim() in (1, 2):
            copied: torch.Tensor = value.detach().clone()
            return copied if copied.dim() == 2 else copied[None]  # noqa: PLR2004 - (B, T)
    return None


def width_of(ids: torch.Tensor | None) -> int:
    """T; 0 where there are no tokens."""
    return ids.shape[1] if ids is not None else 0


def length_of(cache: Any) -> Any:  # noqa: ANN401 - of a static cache a tensor, which would have to be waited for
    """Positions that a cache holds; None where it does not say."""
    if cache is None:
        return 0
    with contextlib.suppress(Exception):
        length = cache[0][0].shape[-2] if isinstance(cache, tuple) else cache.get_seq_length()
        return length.clone() if hasattr(length, "clone") else length
    return None


def is_compiling() -> bool:
    """Whether a hook is being traced rather than run: it must then leave nothing in what is compiled."""
    import torch  # noqa: PLC0415

    return torch.compiler.is_compiling()


def is_compiled(module: Any) -> bool:  # noqa: ANN401
    """Compiled by ``module.compile()``, by ``torch.compile``, or by ``generate`` with a static cache."""
    own = vars(module)
    return bool(
        own.get("_compiled_call_impl")
        or own.get("_compiled_call")
        or "_orig_mod" in own.get("_modules", {})
        or hasattr(own.get("forward"), "_torchdynamo_orig_callable")
    )


def ending_tokens(model: Any, tokenizer: Any) -> set[int]:  # noqa: ANN401
    """Tokens that end a row, or fill it up."""
    owners = [tokenizer, getattr(model, "generation_config", None), getattr(model, "config", None)]
    named = [getattr(owner, name, None) for owner in owners for name in ("eos_token_id", "pad_token_id")]
    return {
        one for value in named for one in (value if isinstance(value, list | tuple) else [value]) if one is not None
    }


def text_of(tokenizer: Any) -> Callable[[list[int]], str]:  # noqa: ANN401
    """The compiled core of a fast tokenizer, or of any other one the method of its class."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # of a processor
    core = getattr(tokenizer, "_tokenizer", None)

    def decode(ids: list[int]) -> str:
        ids = [token for token in ids if token >= 0]
        if core is not None:
            return str(core.decode(ids, skip_special_tokens=True))
        return str(type(tokenizer).decode(tokenizer, ids, skip_special_tokens=True))

    return decode
